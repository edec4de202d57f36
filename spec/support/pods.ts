/** Several pods on one broker, many watched clients, and the checks of what they got. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test as Tap } from 'tap';
import { type Pod, startPod } from './pod.js';
import { type RedisServer } from './redis.js';
import { type Witness } from './witness.js';

export const LINGER_MS = 300;

export type Where = NonNullable<NonNullable<Parameters<typeof startPod>[1]>['broker']>;
type Owner = Parameters<typeof startPod>[0];

export const startPods = (
  t: Owner,
  count: number,
  broker: Where,
  limits = {},
  presence = {},
): Promise<readonly Pod[]> =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      startPod(t, {
        server: { serverId: `pod-${i + 1}` },
        broker,
        limits: { roomLingerMs: LINGER_MS, ...limits },
        presence,
      }),
    ),
  );

export const roomsOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `room-${i}`);

/** `perPod` clients on each pod, each in a room by URL, every fourth in a second one. */
export const crowd = async (
  clients: Witness,
  pods: readonly Pod[],
  rooms: readonly string[],
  perPod: number,
): Promise<void> => {
  for (let i = 0; i < perPod; i++) {
    await Promise.all(
      pods.map(({ port }, pod) => {
        const first = rooms[i % rooms.length] ?? '';
        const second = rooms[(i + 1 + pod) % rooms.length] ?? '';
        return clients.watch(`pod-${pod + 1}`, port, i % 4 === 0 ? [first, second] : [first]);
      }),
    );
  }
};

/** Sends this many messages, in waves from all clients, to the rooms of each in turn, a few to everybody. */
export const sendInWaves = async (
  { watchers }: Witness,
  messages: number,
  toAll: number,
): Promise<void> => {
  let sent = 0;
  for (let turn = 0; sent < messages; turn++) {
    for (const { ears, publish } of watchers) {
      if (sent >= messages) break;
      const rooms = ears.flatMap(({ room }) => (room === '' ? [] : [room]));
      const everyNth = Math.floor(messages / Math.max(1, toAll));
      publish(
        toAll > 0 && sent % everyNth === everyNth - 1 ? '' : (rooms[turn % rooms.length] ?? ''),
      );
      sent++;
      if (sent % 200 === 0) await sleep(5);
    }
  }
};

/** The channels of rooms with subscribers; on a Cluster over all nodes. */
export const occupied = async (
  nodes: readonly RedisServer[],
  sharded: boolean,
): Promise<readonly string[]> => {
  const lists = await Promise.all(
    nodes.map(({ command }) =>
      command('PUBSUB', sharded ? 'SHARDCHANNELS' : 'CHANNELS', 'realtime:room:*'),
    ),
  );
  return lists.flatMap((list) => (Array.isArray(list) ? list.map(String) : [])).sort();
};

/** Checks that a message reached every client that was in the room when it was sent, and only these. */
const expectAll = (t: Tap, { watchers, sent }: Witness): void => {
  const members = new Map<string, number>();
  for (const { ears } of watchers)
    for (const { room } of ears) members.set(room, (members.get(room) ?? 0) + 1);
  const wanted = [...sent.values()].reduce((sum, { room }) => sum + (members.get(room) ?? 0), 0);
  const received = watchers.reduce(
    (sum, { ears }) =>
      sum +
      ears.reduce(
        (all, { entries }) =>
          all +
          entries.filter((entry) => entry._tag === 'Message' && entry.message.n !== undefined)
            .length,
        0,
      ),
    0,
  );
  t.equal(received, wanted, `${sent.size} messages were heard ${wanted} times`);
};

export const expectWell = (t: Tap, clients: Witness): void => {
  const { faults, ...counts } = clients.verdict();
  t.comment(JSON.stringify(counts));
  t.strictSame(faults, [], 'offsets without holes, nothing twice, one order on all pods');
  t.match(counts, {
    acked: clients.sent.size,
    ackedOnPod: 0,
    refused: 0,
    unanswered: 0,
    missingWithGap: 0,
    missingWithoutGap: 0,
    doubled: 0,
    behind: 0,
  });
  t.ok(
    clients.watchers.every(({ statusEvents }) => statusEvents.length === 0),
    'nobody was told of an outage or a gap',
  );
  expectAll(t, clients);
};
