/** Publishes of a client that `onMessage` is asked about. */
import { map, NEVER, of, throwError, timer } from 'rxjs';
import t from 'tap';
import { type Hooks, type Outgoing, reject } from '../../lib/hooks.js';
import type { Peer } from '../support/peer.js';
import { type World, frames, isGone, member, upTo, world } from '../support/connection-world.js';

/** Runs a hook on three messages, `b` being the one it is about, and says what came of them. */
const hooked = (
  onMessage: NonNullable<Hooks['onMessage']>,
  ms = 100,
): { readonly w: World; readonly a: Peer } => {
  const w = world({ onMessage });
  const a = member(w);
  for (const data of ['a', 'b', 'c']) a.chat('r', data, data);
  w.clock.advance(ms);
  return { w, a };
};

t.test(
  'when a hook passes, changes, drops, moves or rejects a message, then the room and the sender get that',
  async (t) => {
    const changed = hooked((message) => ({ ...message, data: `${message.data as string}!` }));
    t.same(changed.a.texts('r'), ['a!', 'b!', 'c!']);
    const suppressed = hooked((message) => (message.data === 'b' ? null : message));
    t.same(suppressed.a.texts('r'), ['a', 'c']);
    t.same(
      suppressed.a.events('ack').map(({ ref, id }) => [ref, id === undefined]),
      [
        ['a', false],
        ['b', true],
        ['c', false],
      ],
      'accepted, and stands nowhere',
    );
    t.same(suppressed.a.errors(), []);
    const moved = hooked((message) => (message.data === 'b' ? { ...message, room: '' } : message));
    t.same([moved.a.texts('r'), moved.a.texts('')], [['a', 'c'], ['b']]);
    const strayed = hooked((message) => ({ ...message, room: message.data === 'b' ? 's' : 'r' }));
    t.match(strayed.a.errors(), [{ code: 'unavailable', ref: 'b' }], 'not where the sender is not');
    const rejected = hooked((message) =>
      message.data === 'b' ? reject('mind your words') : message,
    );
    t.same(rejected.a.texts('r'), ['a', 'c']);
    t.same(rejected.a.errors(), [{ code: 'rejected', message: 'mind your words', ref: 'b' }]);
  },
);

t.test(
  'when a hook throws, fails, or gives no valid answer, then its message is unavailable and no other',
  async (t) => {
    const bad: readonly (readonly [name: string, answer: () => unknown])[] = [
      [
        'throws',
        () => {
          throw new Error('a bug');
        },
      ],
      ['a stream that errors', () => throwError(() => new Error('a bug'))],
      ['a stream without a value', () => of()],
      ['undefined', () => undefined],
      ['a text', () => 'yes'],
      ['data that is no JSON', () => ({ room: 'r', data: () => undefined })],
      ['data that goes round', () => ({ room: 'r', data: round })],
      ['a big integer', () => ({ room: 'r', data: 1n })],
    ];
    for (const [name, answer] of bad) {
      const { w, a } = hooked((message) =>
        message.data === 'b' ? (answer() as Outgoing) : message,
      );
      t.same(a.texts('r'), ['a', 'c'], name);
      t.match(a.errors(), [{ code: 'unavailable', ref: 'b' }], name);
      t.equal(w.events.filter(({ _tag }) => _tag === 'HookFailed').length, 1, name);
      t.equal(a.code(), undefined, name);
    }
  },
);

const round: { self?: unknown } = {};

round.self = round;

t.test(
  'when a hook never answers, then unavailable after 1 s, and later messages keep their order',
  async (t) => {
    const { w, a } = hooked((message) => (message.data === 'b' ? NEVER : message), 999);
    t.same(a.texts('r'), ['a'], 'what is behind it waits');
    t.ok(a.webSocket.isPaused, 'and the socket is not read');
    t.same(a.errors(), []);
    w.clock.advance(2);
    t.match(a.errors(), [{ code: 'unavailable', ref: 'b' }]);
    t.same(a.texts('r'), ['a', 'c']);
    t.notOk(a.webSocket.isPaused);
    t.equal(w.clock.pending(), 0);
  },
);

t.test('when a hook is slow, then it is asked about one message at a time, in order', async (t) => {
  let thinking = 0;
  let most = 0;
  const w: World = world({
    onMessage: (message) => {
      thinking += 1;
      most = Math.max(most, thinking);
      const ms = typeof message.data === 'number' ? (message.data * 7) % 40 : 0;
      return timer(ms, w.clock.scheduler).pipe(
        map(() => {
          thinking -= 1;
          return message;
        }),
      );
    },
  });
  const a = member(w);
  a.webSocket.arriveTogether(frames(30));
  a.send({ type: 'ping', data: 'behind' });
  w.clock.advance(5_000);
  t.same(a.texts('r'), upTo(30));
  t.equal(most, 1);
  t.equal(a.received().at(-1)?.type, 'pong', 'what is no chat waits in its place too');
});

t.test(
  'when a hook answers by a promise, then the message waits; after the end nothing is published',
  async (t) => {
    let answer: (message: Outgoing) => void = () => undefined;
    const w = world({
      onMessage: (message) =>
        message.data === 'b'
          ? new Promise<Outgoing>((resolve) => {
              answer = resolve;
            })
          : message.data === 'c'
            ? Promise.reject(new Error('a bug'))
            : message,
    });
    const a = member(w);
    for (const data of ['a', 'b', 'c', 'd']) a.chat('r', data, data);
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      w.clock.advance(10);
    };
    await settle();
    t.same(a.texts('r'), ['a']);
    answer({ room: 'r', data: 'b, late' });
    await settle();
    await settle();
    t.same(a.texts('r'), ['a', 'b, late', 'd']);
    t.match(a.errors(), [{ code: 'unavailable', ref: 'c' }]);
    a.chat('r', 'b', 'gone');
    a.go();
    answer({ room: 'r', data: 'too late' });
    await settle();
    w.clock.advance(10_000);
    t.equal(w.broker.top('r').offset, 3, 'what it said last was not said');
    t.ok(isGone(w), 'and nothing is left of it');
  },
);

t.test(
  'when presence is sent, then the hook is asked; about ping and join it is not',
  async (t) => {
    const seen: unknown[] = [];
    const w = world({
      onMessage: (message) => {
        seen.push(message);
        return message;
      },
    });
    const a = member(w);
    a.send({ type: 'presence', room: 'r', data: { status: 'away' } });
    a.send({ type: 'ping' });
    a.join('s');
    a.chat('r', { x: 1 });
    w.clock.advance(10);
    t.same(seen, [
      { type: 'presence', room: 'r', data: { status: 'away' } },
      { type: 'chat', room: 'r', data: { x: 1 } },
    ]);
  },
);
