/** Commands to all pods, as they are written on the control channel. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import t from 'tap';
import {
  type ControlCommand,
  decodeControlCommand,
  encodeControlCommand,
  isTargetId,
} from '../../lib/broker/control-command.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const decoded = (text: string) => decodeControlCommand(Buffer.from(text));

t.test('when any command is written, then it is read as that command', async (t) => {
  const id = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 50 })
    .filter((text) => isTargetId('user', text));
  const command: fc.Arbitrary<ControlCommand> = fc.oneof(
    fc.record({
      _tag: fc.constant('Disconnect' as const),
      whom: fc.constantFrom('user' as const, 'connection' as const),
      id,
    }),
    fc.record({
      _tag: fc.constant('CatchUp' as const),
      pod: fc.constantFrom('p', 'x'.repeat(64)),
      room: fc.constantFrom('r', 'a:b'),
      tag: fc.nat(4_000),
      from: fc.nat(),
      until: fc.option(fc.nat()),
      since: fc.nat(),
    }),
    fc.record({
      _tag: fc.constant('Trace' as const),
      traceparent: fc.constant(TRACEPARENT),
      ids: fc.array(fc.uuid(), { maxLength: 100 }),
    }),
  );
  fc.assert(
    fc.property(command, (one) => {
      const read = decodeControlCommand(Buffer.from(encodeControlCommand(one, 'me')));
      return (
        isRight(read) &&
        read.right.by === 'me' &&
        JSON.stringify(read.right.command) === JSON.stringify(one)
      );
    }),
  );
  t.pass('with the pod that sent it');
});

t.test('when an operator writes a command by hand, then it has no mark of a pod', async (t) => {
  t.same(decoded('{"type":"disconnect","user":"alice"}'), {
    _tag: 'Right',
    right: { command: { _tag: 'Disconnect', whom: 'user', id: 'alice' }, by: undefined },
  });
});

t.test('when a payload is no command, then the reason says what is wrong', async (t) => {
  const catchUp = '"type":"catch_up","pod":"p","room":"r","tag":1,"from":1,"until":null,"since":1';
  t.ok(isRight(decoded(`{${catchUp}}`)));
  for (const text of [
    '',
    '[]',
    '{"type":"disconnect"}',
    '{"type":"disconnect","user":"a","connection":"b"}',
    '{"type":"disconnect","user":""}',
    '{"type":"disconnect","user":"a\\u0000"}',
    '{"type":"disconnect","user":1}',
    `{"type":"disconnect","user":"${'x'.repeat(256)}"}`,
    `{"type":"disconnect","user":"a","x":"${'x'.repeat(9_000)}"}`,
    `{${catchUp.replace('"tag":1', '"tag":4095')}}`,
    `{${catchUp.replace('"from":1', '"from":-1')}}`,
    `{${catchUp.replace('"from":1', '"from":1.5')}}`,
    `{${catchUp.replace('"room":"r"', '"room":"no room"')}}`,
    `{${catchUp.replace('"pod":"p"', '"pod":""')}}`,
    `{${catchUp.replace('"pod":"p"', `"pod":"${'x'.repeat(65)}"`)}}`,
  ])
    t.match(decoded(text), { left: /^control: / }, text.slice(0, 80));
  t.ok(isLeft(decodeControlCommand(Buffer.from([0xff]))));
});

t.test('when an id is a connection’s, then it is a UUID; a user’s is any short text', async (t) => {
  t.ok(isTargetId('connection', '01a1fc30-7295-73EC-8000-0000004f7cd8'));
  t.notOk(isTargetId('connection', 'alice'));
  t.ok(isTargetId('user', 'alice b'));
  t.notOk(isTargetId('user', 'a\n'));
  t.notOk(isTargetId('user', '\ud800'));
});

t.test('when a trace is malformed, then it is no command', async (t) => {
  const of = (fields: object) => decoded(JSON.stringify({ type: 'trace', ...fields }));
  const id = '01a22159-4c45-7a7d-8000-000000346488';
  t.ok(isRight(of({ traceparent: TRACEPARENT, ids: [id] })));
  for (const fields of [
    { traceparent: TRACEPARENT, ids: ['x'] },
    { traceparent: TRACEPARENT, ids: Array.from({ length: 101 }, () => id) },
    { traceparent: `${TRACEPARENT}-x`, ids: [id] },
  ])
    t.match(of(fields), { left: /^control: a trace needs/ });
  for (const fields of [{ ids: [id] }, { traceparent: TRACEPARENT, ids: id }])
    t.ok(isLeft(of(fields)));
});
