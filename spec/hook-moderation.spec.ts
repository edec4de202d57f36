/** Messages of programs and HTTP before any member gets them. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { NEVER } from 'rxjs';
import t from 'tap';
import { type Moderated, hookModeration } from '../lib/hook-moderation.js';
import { type Hooks, reject, type Sender } from '../lib/hooks.js';
import type { HubEvent } from '../lib/hub-event.js';
import { type DraftFields, draftOf } from '../lib/protocol/publication.js';
import { AT, right } from './support/messages.js';
import { virtualClock } from './support/virtual-clock.js';

const FIELDS: DraftFields = { room: 'r', type: 'chat', from: 'bot', data: 'hi', at: AT };
const FROM: Sender = { via: 'program', from: 'bot' };

const moderated = (onMessage: Hooks['onMessage'], over: Partial<DraftFields> = {}) => {
  const clock = virtualClock();
  const events: HubEvent[] = [];
  const results: Moderated[] = [];
  const fields = { ...FIELDS, ...over };
  const draft = right(draftOf(fields));
  hookModeration({
    hooks: onMessage === undefined ? {} : { onMessage },
    clock,
    emit: (event) => events.push(event),
  })(draft, fields, FROM).subscribe((result) => results.push(result));
  clock.advance(1_000);
  const [result] = results;
  if (result === undefined) throw new Error('expected a result within 1 s');
  return { draft, events, result };
};

t.test('when there is no hook, then the draft passes unchanged', async (t) => {
  const { draft, result } = moderated(undefined);
  t.ok(isRight(result) && result.right === draft);
});

t.test('when a message is one of the server, then the hook is not called', async (t) => {
  const hook = (): never => t.fail('called') as never;
  for (const [type, data] of [
    ['notification', 'hi'],
    ['system', { event: 'deploy' }],
  ] as const) {
    const { draft, result } = moderated(hook, { type, data });
    t.ok(isRight(result) && result.right === draft, type);
  }
});

t.test('when the hook gets a chat, then it sees the message and its sender', async (t) => {
  const seen: unknown[] = [];
  moderated((message, from) => {
    seen.push(message, from);
    return message;
  });
  t.same(seen, [{ type: 'chat', room: 'r', data: 'hi' }, FROM]);
});

t.test('when the hook changes the message, then the draft has the change', async (t) => {
  const { result } = moderated(() => ({ room: 's', data: 'changed' }));
  t.match(result, { right: { room: 's', type: 'chat', rest: /"from":"bot","data":"changed"/ } });
});

t.test(
  'when the hook drops or rejects a message, then there is no draft and no event',
  async (t) => {
    const dropped = moderated(() => null);
    t.ok(isRight(dropped.result) && dropped.result.right === undefined);
    const rejected = moderated(() => reject('no links'));
    t.match(rejected.result, { left: { _tag: 'Rejected', text: 'no links' } });
    t.same([dropped.events, rejected.events], [[], []]);
  },
);

t.test('when the hook fails, then an event has its exception', async (t) => {
  const error = new Error('no database');
  const threw = moderated(() => {
    throw error;
  });
  t.match(threw.result, { left: { _tag: 'Failed', how: 'threw' } });
  t.same(threw.events, [{ _tag: 'HookFailed', hook: 'onMessage', error }]);
  const late = moderated(() => NEVER);
  t.match(late.result, { left: { _tag: 'Failed', how: 'late' } });
  t.equal(late.events.length, 1);
});

t.test('when the answer is no message, then the hook has failed', async (t) => {
  for (const answer of [{ room: 'a b', data: 1 }, { room: 'r' }, { room: 'r', data: 2n }]) {
    const { result, events } = moderated(() => answer as never);
    t.match(result, { left: { _tag: 'Failed', how: 'unusable' } });
    t.match(events, [{ _tag: 'HookFailed', error: { name: 'TypeError' } }]);
    t.ok(isLeft(result));
  }
});
