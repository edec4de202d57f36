/** Faults between pods and Redis, made by their proxies. */
import { setTimeout as sleep } from 'node:timers/promises';
import { STALLED, OPEN, type Ways } from '../../../spec/support/proxy.js';
import {
  acked,
  during,
  type Fault,
  now,
  p99,
  type Scene,
  notified,
  isNotifiedOf,
  until,
  within,
} from '../fault.js';
import type { StagePod } from '../stage.js';

const HIT_MS = 4_500;
const DEGRADED_BAR = 3_000;
const RESTORED_BAR = 2_000;
/** `starting` lasts 3 s; seen from outside, a moment longer. */
const STARTING_BAR = 3_500;
/** BROKER_TIMEOUT_MS. */
const TIMEOUT_MS = 2_000;

const set = (pods: readonly StagePod[], ways: Ways): void => {
  for (const { line } of pods) line?.set(ways);
};

const namesOf = (pods: readonly StagePod[]): readonly string[] => pods.map(({ name }) => name);

/** Silent for so long that clients get `degraded`, then as before. */
const silent = (scene: Scene, pods: readonly StagePod[], ways: Ways) =>
  during(scene, { name: 'silent', pods: namesOf(pods), unreachable: true }, async () => {
    const hitAt = now();
    set(pods, ways);
    const degraded = await notified(
      scene,
      'told degraded',
      pods,
      hitAt,
      DEGRADED_BAR,
      isNotifiedOf('degraded'),
    );
    const ready = await Promise.all(
      pods.map((pod) =>
        within(hitAt, DEGRADED_BAR, async () => (await pod.ready()) === 'degraded'),
      ),
    );
    await until(hitAt + HIT_MS);
    const backAt = now();
    set(pods, { up: OPEN, down: OPEN });
    const restored = await notified(
      scene,
      'told restored',
      pods,
      backAt,
      RESTORED_BAR,
      isNotifiedOf('restored'),
    );
    const again = await Promise.all(
      pods.map((pod) => within(backAt, RESTORED_BAR, async () => (await pod.ready()) === 'ready')),
    );
    return {
      hitAt,
      backAt,
      measures: [
        degraded,
        { what: '/ready degraded', ms: Math.max(...ready), barMs: DEGRADED_BAR + 250 },
        restored,
        { what: '/ready ready', ms: Math.max(...again), barMs: RESTORED_BAR + 250 },
      ],
    };
  });

export const lineFaults: readonly Fault[] = [
  {
    row: 'F01',
    what: 'a pod starts without Redis, which appears 5 s later',
    claims: ['line', 'pod'],
    ms: 8_000,
    act: async (scene) => {
      const { stage, chance, crowd } = scene;
      const pod = chance.one(stage.pods);
      const forgive = crowd.blame('its pod was killed', (_, name) => name === pod.name);
      return during(scene, { name: 'F01', pods: [pod.name], unreachable: true }, async () => {
        await pod.line?.refuse();
        pod.line?.reset();
        await pod.kill();
        scene.checker.status(pod.name, 'gone', now());
        await sleep(100);
        forgive();
        await pod.start();
        const startedAt = now();
        const before = pod.running().stdout().length;
        const degraded = await within(
          startedAt,
          STARTING_BAR,
          async () => (await pod.ready()) === 'degraded',
        );
        await until(startedAt + 5_000);
        const lines = pod.running().stdout().slice(before).split('\n').length - 1;
        await pod.line?.accept();
        const backAt = now();
        const ready = await within(backAt, 2_000, async () => (await pod.ready()) === 'ready');
        return {
          measures: [
            { what: '/ready degraded', ms: degraded, barMs: STARTING_BAR },
            { what: '/ready ready', ms: ready, barMs: 2_000 },
          ],
          wrongs: lines > 6 ? [`${lines} lines of log in 5 s: expected one a second at most`] : [],
        };
      });
    },
  },
  {
    row: 'F06',
    what: 'each of Redis’s replies is late, by 0.1 to 2 s',
    claims: ['line'],
    ms: 6_000,
    act: async (scene) => {
      const { stage, crowd, chance } = scene;
      const ms = chance.one([100, 300, 1_000, 2_000]);
      const hitAt = now();
      let end = hitAt;
      await during(scene, { name: 'F06', unreachable: true }, async () => {
        set(stage.pods, { down: { _tag: 'Delayed', ms } });
        await sleep(4_000);
        end = now();
        set(stage.pods, { down: OPEN });
        await sleep(2 * ms + 100);
      });
      // beyond BROKER_TIMEOUT_MS it is an outage, and is reported as one
      const isOutage = ms >= TIMEOUT_MS;
      const barMs = isOutage ? TIMEOUT_MS + 250 : 2 * ms + 50;
      const acks = acked(crowd, isOutage ? hitAt : hitAt + ms, end - barMs);
      return {
        measures:
          acks.length === 0
            ? []
            : [{ what: `p99 of a send, ${ms} ms`, ms: p99(acks.map((ack) => ack.ms)), barMs }],
      };
    },
  },
  {
    row: 'F07',
    what: 'Redis is a black hole for all pods',
    claims: ['line'],
    ms: 7_000,
    act: async (scene) => {
      const { measures } = await silent(scene, scene.stage.pods, { up: STALLED, down: STALLED });
      return { measures };
    },
  },
  {
    row: 'F08',
    what: 'one pod is cut off from Redis',
    claims: ['line'],
    ms: 7_000,
    act: async (scene) => {
      const { stage, crowd, chance } = scene;
      const pod = chance.one(stage.pods);
      const others = stage.pods.filter((each) => each !== pod);
      const quiet = now();
      await sleep(1_000);
      const { measures, hitAt, backAt } = await silent(scene, [pod], {
        up: STALLED,
        down: STALLED,
      });
      const [before, during] = [[quiet, hitAt] as const, [hitAt, backAt] as const].map(
        ([from, to]) =>
          p99(others.flatMap(({ name }) => acked(crowd, from, to, name)).map(({ ms }) => ms)),
      );
      return { measures, counts: { 'others’ p99 before, ms': before ?? 0, during: during ?? 0 } };
    },
  },
  {
    row: 'F09',
    what: 'Redis’s pushes vanish, its answers come',
    claims: ['line'],
    ms: 7_000,
    act: async (scene) => {
      const { stage, chance } = scene;
      const pods = chance.some(stage.pods, chance.whole(1, 3));
      const { measures } = await silent(scene, pods, { down: { _tag: 'PushesLost' } });
      return { measures };
    },
  },
  {
    row: 'F10',
    what: 'Redis drops the subscriber of a frozen pod, with more than 40 MB unread',
    claims: ['redis', 'line', 'pod'],
    ms: 6_000,
    act: async (scene) => {
      const { stage, chance } = scene;
      const pod = chance.one(stage.pods);
      const redis = await stage.redis();
      const subscribers = async (): Promise<readonly string[]> => {
        const list = String(await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
        const own = list.split('\n').filter((line) => line.includes(`:${pod.name} `));
        return own.flatMap((line) => /^id=(\d+)/.exec(line)?.[1] ?? []);
      };
      const before = await subscribers();
      return during(scene, { name: 'F10', pods: [pod.name], unreachable: true }, async () => {
        pod.signal('SIGSTOP');
        const hitAt = now();
        // to its own channel only: the other pods are not affected
        const junk = 'x'.repeat(130_000);
        for (let i = 0; i < 64; i++)
          await redis.command(
            'EVAL',
            "for i = 1, 8 do redis.call('PUBLISH', ARGV[1], ARGV[2]) end",
            0,
            `realtime:pod:${pod.name}`,
            junk,
          );
        const after = await subscribers();
        const cut = before.filter((id) => !after.includes(id)).length;
        await until(hitAt + 2_000);
        pod.signal('SIGCONT');
        const backAt = now();
        const ready = await within(backAt, 3_000, async () => (await pod.ready()) === 'ready');
        return {
          measures: [{ what: '/ready ready', ms: ready, barMs: 3_000 }],
          wrongs: cut > 0 ? [] : ['Redis dropped nobody: the fault did not happen'],
        };
      });
    },
  },
  {
    row: 'F25',
    what: 'each push comes a second time, late',
    claims: ['line'],
    ms: 3_500,
    act: async ({ stage, chance }) => {
      const pods = chance.some(stage.pods, chance.whole(1, 3));
      set(pods, { down: { _tag: 'PushesTwice', ms: chance.one([5, 50, 400]) } });
      await sleep(3_000);
      set(pods, { down: OPEN });
      return {};
    },
  },
];
