/**
 * No log has the messages of the fallback: a client that comes back to the pod with an older id gets `gap`.
 */
import { isSome } from 'fp-ts/lib/Option.js';
import { delay } from 'rxjs';
import t from 'tap';
import { type FallbackLog, fallbackLog } from '../../lib/broker/fallback-log.js';
import { clusterBroker, type ClusterBroker } from '../../lib/broker/cluster/cluster-broker.js';
import { formatId, type MessageId, parseId } from '../../lib/protocol/position.js';
import { type Resume, resumeAfter } from '../../lib/protocol/resume.js';
import { type HubWorld, hubWorld } from '../support/hub-world.js';
import { modelBus } from '../support/model-bus.js';
import { type ModelRedis } from '../support/model-redis-port.js';
import { modelRedis } from '../support/model-redis.js';
import type { Peer } from '../support/peer.js';

const AT = 1_700_000_000_000;

const idOf = (over: Partial<MessageId>): MessageId => ({
  ms: AT,
  tag: 7,
  offset: 5,
  global: false,
  outside: true,
  nonce: 1,
  ...over,
});

const after = (over: Partial<MessageId>): Resume => {
  const resume = resumeAfter(formatId(idOf(over)));
  if (resume === undefined) throw new Error('expected an id');
  return resume;
};

const add = (log: FallbackLog, room: string, over: Partial<MessageId>): void =>
  log.add(room, idOf(over), formatId(idOf(over)));

t.test(
  'when a client resumes from before the last fallback, or at its position, then it missed it; else not',
  async (t) => {
    const log = fallbackLog({ now: () => AT + 10_000 });
    add(log, 'r', { nonce: 1 });
    add(log, 'r', { nonce: 2 });
    const isMissed = (resume: Resume): boolean => log.missed('r', resume) !== undefined;
    for (const [what, resume, expected] of [
      ['a log entry before', after({ offset: 4, outside: false }), true],
      ['the log entry at the place', after({ outside: false }), true],
      ['the first of two', after({ nonce: 1 }), true],
      ['the last', after({ nonce: 2 }), false],
      ['another one at the place', after({ nonce: 3 }), true],
      ['a later place', after({ offset: 6, outside: false }), false],
      ['an epoch before', after({ tag: 8, ms: AT + 9_000 }), true],
      ['a later epoch', after({ tag: 8, ms: AT + 16_000 }), false],
      ['a time before', { _tag: 'Since', ms: AT + 9_000 }, true],
      ['a later time', { _tag: 'Since', ms: AT + 16_000 }, false],
    ] as const)
      t.equal(isMissed(resume), expected, what);
    t.equal(log.missed('other', after({})), undefined);
  },
);

t.test(
  'when more rooms had a fallback than are remembered, then every room counts as one that had',
  async (t) => {
    let now = AT;
    const log = fallbackLog({ now: () => now });
    for (let i = 0; i <= 16_384; i++) add(log, `r${i}`, {});
    t.equal(log.size(), 16_384);
    now += 10_000;
    t.not(log.missed('r0', after({})), undefined, 'one that was let go');
    t.not(log.missed('never', after({})), undefined, 'one that had none');
    t.equal(log.missed('never', after({ ms: AT + 6_000 })), undefined, 'with an id of after that');
  },
);

interface World {
  readonly w: HubWorld;
  readonly redis: ModelRedis;
}

const world = (pageMs = 0): World => {
  let redis: ModelRedis | undefined;
  const w = hubWorld<ClusterBroker>({
    broker: (clock) => {
      redis = modelRedis(clock);
      const bus = modelBus(redis, clock, 'pod-1');
      const broker = clusterBroker({ redis: bus, clock, serverId: 'pod-1', timeoutMs: 2_000 });
      const page = (...asked: Parameters<ClusterBroker['log']['page']>) =>
        broker.log.page(...asked).pipe(delay(pageMs, clock.scheduler));
      return { ...broker, log: { page } };
    },
  });
  w.clock.advance(1_000);
  if (redis === undefined) throw new Error('expected a broker');
  return { w, redis };
};

const gapsOf = (peer: Peer): readonly unknown[] =>
  peer.events('gap').flatMap(({ room, reason }) => (room === 'r' ? [reason] : []));

/** The last id of the room that it was sent. */
const lastOf = (peer: Peer): string =>
  peer.received().findLast(({ id, room }) => room === 'r' && isSome(parseId(id)))?.id ?? '';

t.test(
  'when a client resumes with an id from before the outage, then it gets a gap, also after the outage',
  async (t) => {
    const { w, redis } = world();
    const [alice, bob] = [w.connect({ room: 'r' }), w.connect({ room: 'r' })];
    w.clock.advance(1_000);
    alice.chat('r', 'for all');
    w.clock.advance(1_000);
    const before = lastOf(bob);
    bob.go();
    redis.crash();
    w.clock.advance(4_000);
    const quiet = w.connect({ room: 'r', lastId: before });
    w.clock.advance(100);
    t.same(gapsOf(quiet), [], 'nothing was said yet');
    alice.chat('r', 'for the pod');
    w.clock.advance(100);
    const meanwhile = w.connect({ room: 'r', lastId: before });
    w.clock.advance(100);
    t.same(gapsOf(meanwhile), ['broker_outage']);
    const had = quiet.chats('r').at(-1);
    t.equal(had?.data, 'for the pod');
    redis.start();
    w.clock.advance(5_000);
    t.ok(alice.events('restored').length > 0);
    const [late, knowing] = [
      w.connect({ room: 'r', lastId: before }),
      w.connect({ room: 'r', lastId: had?.id ?? '' }),
    ];
    w.clock.advance(1_000);
    t.same(gapsOf(late), ['broker_outage']);
    t.same(gapsOf(knowing), [], 'whose last message it is has missed nothing');
    alice.chat('r', 'for all again');
    w.clock.advance(1_000);
    t.same(
      [late, knowing].map((peer) => peer.chats('r').map(({ data }) => data)),
      [['for all again'], ['for all again']],
    );
    const behind = w.connect({ room: 'r', lastId: lastOf(late) });
    w.clock.advance(1_000);
    t.same(gapsOf(behind), [], 'nor who has come further since');
    t.same(gapsOf(alice).concat(gapsOf(quiet)), [], 'nor who stayed');
    t.equal(
      w.events.filter((event) => event._tag === 'Recovered' && event.result === 'broker_outage')
        .length,
      2,
    );
  },
);

t.test(
  'when a fallback comes while a joiner catches up, then the joiner gets a gap too',
  async (t) => {
    const { w, redis } = world(400);
    const alice = w.connect({ room: 'r' });
    w.clock.advance(1_000);
    for (let i = 0; i < 3; i++) alice.chat('r', i);
    w.clock.advance(1_000);
    const before = alice.chats('r')[0]?.id ?? '';
    const back = w.connect({ room: 'r', lastId: before });
    w.clock.advance(300);
    redis.refuse('OutOfMemory');
    alice.chat('r', 'for the pod');
    w.clock.advance(50);
    redis.refuse(undefined);
    t.equal(alice.chats('r').at(-1)?.data, 'for the pod');
    t.equal(back.events('joined').filter(({ room }) => room === 'r').length, 0, 'it is on its way');
    w.clock.advance(3_000);
    t.same(
      back.chats('r').map(({ data }) => data),
      [1, 2],
    );
    t.same(gapsOf(back), ['broker_outage']);
  },
);
