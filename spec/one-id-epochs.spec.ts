/**
 * A client of one id whose other log has begun a new epoch while it was away: it gets `gap` (`log_lost`) for
 * that log, unless the epoch that it knew lives, or had no message that it lacks.
 */
import t from 'tap';
import { localBroker } from '../lib/broker/local.js';
import { GLOBAL } from '../lib/protocol/position.js';
import { type ClusterPod, clusterPod } from './support/cluster/pod.js';
import { type HubWorld, hubWorld } from './support/hub-world.js';
import { recordOf, textIn } from './support/invariants/frame.js';
import { modelRedis } from './support/model-redis.js';
import type { Peer } from './support/peer.js';
import { story } from './support/recovery-world.js';
import { virtualClock } from './support/virtual-clock.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A pod without Redis that starts `afterMs` after the beginning of time. */
const localPod = (afterMs = 0): HubWorld =>
  hubWorld({
    seed: 1 + afterMs,
    broker: (clock) => {
      clock.advance(afterMs);
      return localBroker({ clock, positionTtlMs: DAY_MS });
    },
  });

const lastId = (peer: Peer): string => peer.received().at(-1)?.id ?? 'none';

/** A client of room `r` whose last message is one of this room. */
const clientOf = (w: HubWorld, room: string): Peer => {
  const peer = w.connect({ room: 'r' });
  w.clock.advance(1_000);
  peer.chat(room, 'last');
  w.clock.advance(1_000);
  return peer;
};

for (const [last, other] of [
  ['r', GLOBAL],
  [GLOBAL, 'r'],
] as const) {
  const names = `id of the ${last === 'r' ? 'room' : 'global log'}`;

  t.test(
    `when a pod without Redis has started again, then a client with an ${names} gets both gaps`,
    async (t) => {
      for (const isUsed of [false, true]) {
        const id = lastId(clientOf(localPod(), last));
        const w = localPod(MINUTE_MS);
        if (isUsed) {
          const speaker = w.connect({ room: 'r' });
          w.clock.advance(1_000);
          for (const room of [GLOBAL, 'r']) speaker.chat(room, 'new');
          w.clock.advance(1_000);
        }
        const back = w.connect({ room: 'r', lastId: id });
        w.clock.advance(1_000);
        const gaps = (room: string) => story(back, room).filter((one) => one.startsWith('gap'));
        t.same([gaps(last), gaps(other)], [['gap log_lost'], ['gap log_lost']], `used: ${isUsed}`);
      }
    },
  );

  t.test(
    `when the epochs live, then a client with an ${names} gets no gap, also of a room without a message`,
    async (t) => {
      for (const awayMs of [0, 1_000, 5 * MINUTE_MS]) {
        const w = localPod(12_345.6);
        const client = clientOf(w, last);
        const id = lastId(client);
        client.go();
        w.clock.advance(awayMs);
        const back = w.connect({ room: 'r', lastId: id });
        w.clock.advance(1_000);
        t.same(
          [story(back, GLOBAL), story(back, 'r')].flat().filter((one) => /^gap/u.test(one)),
          [],
        );
      }
    },
  );
}

t.test(
  'when a room without a message was forgotten, then a client with an id of the global log gets no gap',
  async (t) => {
    const w = localPod();
    const client = clientOf(w, GLOBAL);
    const id = lastId(client);
    client.go();
    w.clock.advance(20 * MINUTE_MS);
    const back = w.connect({ room: 'r', lastId: id });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), ['joined 0']);
  },
);

t.test(
  'when a room was quiet for longer than its position lives, then the client that lacks messages gets the gap',
  async (t) => {
    const w = localPod();
    const client = clientOf(w, GLOBAL);
    const id = lastId(client);
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10_000);
    client.go();
    speaker.chat('r', 'missed');
    w.clock.advance(1_000);
    const later = lastId(speaker);
    speaker.go();
    w.clock.advance(DAY_MS + MINUTE_MS);
    const back = w.connect({ room: 'r', lastId: id });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), ['gap log_lost', 'joined 0']);
    t.not(later, id);
  },
);

/** What becomes of the logs while the client is away. */
interface Fate {
  readonly title: string;
  readonly awayMs: number;
  readonly isWiped: boolean;
  /** The room in Redis ends, as its position has expired. */
  readonly isRoomGone: boolean;
  /** Others use the logs before the client is back. */
  readonly isUsed: boolean;
  /** The gaps that a client with an id of the global log gets, as the logs and reasons. */
  readonly gaps: readonly string[];
}

const BOTH = ['r: log_lost', 'global: log_lost'];

const FATES: readonly Fate[] = [
  {
    title: 'Redis and all pods have started empty',
    ...{ awayMs: 3_000, isWiped: true, isRoomGone: false, isUsed: false, gaps: BOTH },
  },
  {
    title: 'Redis and all pods have started empty, and are used',
    ...{ awayMs: 3_000, isWiped: true, isRoomGone: false, isUsed: true, gaps: BOTH },
  },
  {
    title: 'nothing was lost',
    ...{ awayMs: 3_000, isWiped: false, isRoomGone: false, isUsed: false, gaps: [] },
  },
  {
    title: 'nothing was lost, and the logs are used',
    ...{ awayMs: 30_000, isWiped: false, isRoomGone: false, isUsed: true, gaps: [] },
  },
  {
    title: 'the room without a message has expired',
    ...{ awayMs: 20 * MINUTE_MS, isWiped: false, isRoomGone: true, isUsed: false, gaps: [] },
  },
  {
    title: 'the room has expired after a day without a message',
    ...{ awayMs: DAY_MS + MINUTE_MS, isWiped: false, isRoomGone: true, isUsed: false },
    gaps: ['r: log_lost'],
  },
];

/** The pod of before is gone when the client comes back to a new one. */
const gapsOf = (fate: Fate, last: string): readonly string[] => {
  const clock = virtualClock(1);
  const nothing = (): void => undefined;
  const redis = modelRedis(clock, { epoch: nothing, trimmed: nothing });
  const podOf = (name: string): ClusterPod =>
    clusterPod({
      ...{ name, world: clock, redis, config: { server: { serverId: name } } },
      ...{ delayMs: () => 3, status: nothing, outboxPeak: nothing, left: nothing, failed: nothing },
    });
  const [before, since] = [podOf('before'), podOf('since')];
  const visit = (pod: ClusterPod, lastId?: string) => {
    const texts: string[] = [];
    const events = { text: (text: string) => void texts.push(text), closed: nothing };
    return { texts, link: pod.call({ user: 'bob', room: 'r', lastId, events }) };
  };
  before.start();
  clock.advance(1_000);
  const bob = visit(before);
  clock.advance(1_000);
  bob.link?.send(JSON.stringify({ type: 'chat', room: last, data: 'last' }));
  clock.advance(1_000);
  const id = String(recordOf(JSON.parse(bob.texts.at(-1) ?? '{}'))['id']);
  bob.link?.cut();
  if (fate.isWiped) redis.wipe();
  before.kill();
  clock.advance(fate.awayMs - 3_000);
  since.start();
  clock.advance(3_000);
  if (fate.isRoomGone) redis.expire('r');
  if (fate.isUsed) {
    const ann = visit(since);
    clock.advance(1_000);
    for (const room of [GLOBAL, 'r'])
      ann.link?.send(JSON.stringify({ type: 'chat', room, data: 'new' }));
    clock.advance(1_000);
  }
  const back = visit(since, id);
  clock.advance(3_000);
  return back.texts
    .map((text) => recordOf(recordOf(JSON.parse(text))['data']))
    .filter(({ event }) => event === 'gap')
    .map(({ room, reason }) => `${textIn(room) || 'global'}: ${textIn(reason)}`);
};

for (const fate of FATES) {
  t.test(
    `when ${fate.title}, then a client with an id of the global log gets the gaps that are due`,
    async (t) => t.same(gapsOf(fate, GLOBAL), fate.gaps),
  );
  if (!fate.isRoomGone)
    t.test(
      `when ${fate.title}, then a client with an id of the room gets the gaps that are due`,
      async (t) => t.same(gapsOf(fate, 'r'), fate.gaps),
    );
}
