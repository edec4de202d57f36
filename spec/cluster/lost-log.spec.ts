/**
 * Redis comes back empty, while a client with one id is away. The client comes to a pod that has started since,
 * and that never saw the lost logs. It must get `gap` for both of its logs.
 */
import t from 'tap';
import { recordOf, textIn } from '../support/invariants/frame.js';
import { type ClusterPod, clusterPod } from '../support/cluster/pod.js';
import { modelRedis } from '../support/model-redis.js';
import { virtualClock } from '../support/virtual-clock.js';

interface Case {
  readonly title: string;
  /** How far the clock of the empty Redis is ahead. */
  readonly jumpMs: number;
  /** What becomes of the pod that knew the lost logs. */
  readonly oldPod: 'lives' | 'stands still' | 'is gone';
  /** From the return of Redis to the return of the client. */
  readonly clientMs: number;
}

const HOUR_MS = 3_600_000;
const STOOD_STILL_MS = 5_000;

const CASES: readonly Case[] = [
  { title: 'its clock is right', jumpMs: 0, oldPod: 'lives', clientMs: 400 },
  { title: 'its clock is an hour back', jumpMs: -HOUR_MS, oldPod: 'lives', clientMs: 400 },
  // the old pod has not found the new epoch yet
  { title: 'its clock is right', jumpMs: 0, oldPod: 'stands still', clientMs: 3_000 },
  { title: 'its clock is an hour back', jumpMs: -HOUR_MS, oldPod: 'stands still', clientMs: 3_000 },
  { title: 'its clock is right', jumpMs: 0, oldPod: 'is gone', clientMs: 3_000 },
  { title: 'its clock is an hour back', jumpMs: -HOUR_MS, oldPod: 'is gone', clientMs: 3_000 },
];

/** The gaps that the client gets, as the logs and reasons. */
const gapsOf = ({ jumpMs, oldPod, clientMs }: Case): readonly string[] => {
  const clock = virtualClock(1);
  const nothing = (): void => undefined;
  const redis = modelRedis(clock, { logMessages: 1_000, epoch: nothing, trimmed: nothing });
  const podOf = (name: string): ClusterPod =>
    clusterPod({
      ...{ name, world: clock, redis, config: { server: { serverId: name } } },
      ...{ delayMs: () => 3, status: nothing, outboxPeak: nothing, left: nothing, failed: nothing },
    });
  const [before, since] = [podOf('before'), podOf('since')];
  const visit = (pod: ClusterPod, user: string, lastId?: string) => {
    const texts: string[] = [];
    const events = { text: (text: string) => void texts.push(text), closed: nothing };
    return { texts, link: pod.call({ user, room: 'r', lastId, events }) };
  };

  before.start();
  clock.advance(1_000);
  const [bob, ann] = [visit(before, 'bob'), visit(before, 'ann')];
  clock.advance(1_000);
  for (const room of ['', 'r'])
    ann.link?.send(JSON.stringify({ type: 'chat', room, data: 'both get it' }));
  clock.advance(1_000);
  bob.link?.cut();
  clock.advance(100);
  ann.link?.send(JSON.stringify({ type: 'chat', room: '', data: 'bob misses it' }));
  clock.advance(1_000);

  redis.crash();
  redis.wipe();
  redis.jump(jumpMs);
  if (oldPod === 'stands still') before.freeze(true);
  if (oldPod === 'is gone') before.kill();
  clock.scheduler.schedule(() => before.freeze(false), STOOD_STILL_MS);
  redis.start();
  since.start();
  clock.advance(clientMs);
  const frames = bob.texts.map((text) => recordOf(JSON.parse(text)));
  const back = visit(since, 'bob', String(frames.at(-1)?.['id']));
  clock.advance(3_000);
  return back.texts
    .map((text) => recordOf(recordOf(JSON.parse(text))['data']))
    .filter(({ event }) => event === 'gap')
    .map(({ room, reason }) => `${textIn(room) || 'global'}: ${textIn(reason)}`);
};

for (const each of CASES)
  t.test(
    `when Redis is back empty, ${each.title}, and the old pod ${each.oldPod}, ` +
      'then a client of one id gets both gaps on a new pod',
    async (t) => t.same(gapsOf(each), ['r: log_lost', 'global: log_lost']),
  );
