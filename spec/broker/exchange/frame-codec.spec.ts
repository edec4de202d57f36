/** What a worker and the exchange write into a frame, the other side reads; another frame is not read. */
import { serialize } from 'node:v8';
import fc from 'fast-check';
import t from 'tap';
import { ByteWriter } from '../../../lib/broker/exchange/byte-writer.js';
import {
  readAnswered,
  readAsked,
  writeAnswered,
  writeAsked,
} from '../../../lib/broker/exchange/frame-codec.js';
import type { Answered, Asked } from '../../../lib/broker/exchange/frames.js';
import type { Publication } from '../../../lib/protocol/publication.js';
import { at } from '../../support/channel-world.js';

const askedFrame = (...all: readonly Asked[]): Buffer => {
  const writer = new ByteWriter();
  for (const one of all) writeAsked(writer, one);
  return writer.take();
};

const answeredFrame = (...all: readonly Answered[]): Buffer => {
  const writer = new ByteWriter();
  for (const one of all) writeAnswered(writer, one);
  return writer.take();
};

const PAGE: Asked = {
  call: 1,
  request: { _tag: 'Page', room: 'r', from: 1, most: 2, tag: 3, known: undefined },
};
const DONE: Answered = { _tag: 'Answer', call: 1, reply: { _tag: 'Done' } };

t.test('when a frame has several records, then all are read in their order', async (t) => {
  const lease: Asked = { call: 2 ** 40, request: { _tag: 'Lease' } };
  t.strictSame(readAsked(askedFrame(PAGE, lease)), [PAGE, lease]);
  const message: Answered = { _tag: 'Message', channel: 'c', payload: Buffer.from('é') };
  const outcomes: Answered = {
    _tag: 'Answer',
    call: 7,
    reply: {
      _tag: 'Outcomes',
      outcomes: [
        { _tag: 'Placed', id: 'a' },
        { _tag: 'KeyReused' },
        { _tag: 'Duplicate', id: 'b' },
      ],
    },
  };
  t.strictSame(readAnswered(answeredFrame(message, outcomes, DONE)), [message, outcomes, DONE]);
});

const text = fc.string({ unit: 'grapheme' });
const PLAIN = { noNullPrototype: true };
const owner = fc.oneof(
  fc.record({ _tag: fc.constant('User' as const), userId: text }, PLAIN),
  fc.record(
    {
      _tag: fc.constantFrom('Anonymous' as const, 'Api' as const, 'App' as const, 'Sql' as const),
    },
    PLAIN,
  ),
);
const draft = fc
  .record({
    type: fc.constantFrom('chat' as const, 'presence' as const, 'notification' as const),
    rest: text,
    logged: fc.boolean(),
    key: fc.option(fc.record({ owner, ref: text }, PLAIN), { nil: undefined }),
    digest: text,
    except: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  })
  // a message without a key has no digest
  .map(({ digest, ...rest }) => ({ ...rest, digest: rest.key === undefined ? '' : digest }));

t.test('when messages are published, then the exchange gets the same drafts', async (t) => {
  fc.assert(
    fc.property(text, fc.array(draft, { maxLength: 64 }), (room, drafts) => {
      const asked: Asked = {
        call: 5,
        request: {
          _tag: 'Publish',
          room,
          drafts: drafts.map((one) => ({ ...one, room })),
          nonces: drafts.map((_, i) => i),
          tag: 3,
          deadline: 1_800_000_000_000,
        },
      };
      t.strictSame(readAsked(askedFrame(asked)), [asked]);
    }),
  );
});

t.test(
  'when a message is sent to a worker, then its id, frame and type are the same',
  async (t) => {
    const sent = [at(1, 2), at(4_094, 2 ** 39, { nonce: 524_287, bytes: 70_000 })];
    const frame = answeredFrame(
      ...sent.map((publication): Answered => ({ _tag: 'Published', channel: 'c', publication })),
    );
    const fieldsOf = ({ id, idText, type, frame, except }: Publication) => [
      id,
      idText,
      type,
      frame.toString('hex'),
      except,
    ];
    const read = (readAnswered(frame) ?? []).flatMap((event) =>
      event._tag === 'Published' ? [event.publication] : [],
    );
    t.strictSame(read.map(fieldsOf), sent.map(fieldsOf));
  },
);

t.test(
  'when a frame is cut off, of another version or not valid, then it is not read',
  async (t) => {
    const whole = askedFrame(PAGE);
    t.strictSame(readAsked(whole.subarray(0, 1)), [], 'a frame without records');
    for (const end of [0, 2, 10, whole.length - 1])
      t.equal(readAsked(whole.subarray(0, end)), undefined);
    const other = Buffer.from(whole);
    other[0] = 99;
    t.equal(readAsked(other), undefined);
    t.equal(readAsked(answeredFrame(DONE)), undefined, 'an event is no request');
    const odd = new ByteWriter();
    odd.byte(whole[0] ?? 0);
    odd.byte(0);
    odd.number(1);
    odd.blob(serialize({ _tag: 'Peek', room: 1 }));
    t.equal(readAsked(odd.take()), undefined, 'a field of another type');
  },
);
