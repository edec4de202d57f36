/** Faults of Redis itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  keptOnPod,
  deliveredAgain,
  during,
  type Fault,
  now,
  type Scene,
  notified,
  within,
} from '../fault.js';

const AGAIN_BAR = 2_000;
const GAP_BAR = 2_000;

/** All pods are `ready`. */
const readyAgain = async ({ stage }: Scene, from: number) => ({
  what: '/ready ready',
  ms: Math.max(
    ...(await Promise.all(
      stage.pods.map((pod) => within(from, AGAIN_BAR, async () => (await pod.ready()) === 'ready')),
    )),
  ),
  barMs: AGAIN_BAR + 250,
});

export const redisFaults: readonly Fault[] = [
  {
    row: 'F02',
    what: 'Redis is killed, and back with its file after 2 s',
    claims: ['redis'],
    ms: 6_000,
    act: async (scene) => {
      const redis = await scene.stage.redis();
      const backAt = await during(scene, { name: 'F02', unreachable: true }, async () => {
        await redis.kill();
        await sleep(2_000);
        await redis.restart();
        return now();
      });
      return {
        measures: [
          await deliveredAgain(scene, scene.stage.pods, backAt, AGAIN_BAR),
          await readyAgain(scene, backAt),
        ],
      };
    },
  },
  {
    row: 'F03',
    what: 'Redis is restarted empty',
    claims: ['redis'],
    ms: 5_000,
    act: async (scene) => {
      const { stage, crowd } = scene;
      const hitAt = now();
      crowd.wiped();
      const backAt = await during(
        scene,
        { name: 'F03', unreachable: true, forgets: true },
        async () => {
          // its clock stays: Debian's redis-server does not start under libfaketime, which clashes with jemalloc
          await (await stage.redis()).restart(true);
          return now();
        },
      );
      // messages sent until the old one was gone are forgotten too
      crowd.wiped();
      const gap = await notified(
        scene,
        'told gap',
        stage.pods,
        hitAt,
        GAP_BAR + (backAt - hitAt),
        (rare) => rare._tag === 'Gap' && rare.reason === 'log_lost',
      );
      return {
        measures: [
          { ...gap, ms: gap.ms - (backAt - hitAt), barMs: GAP_BAR },
          await deliveredAgain(scene, stage.pods, backAt, AGAIN_BAR),
          await readyAgain(scene, backAt),
        ],
      };
    },
  },
  {
    row: 'W1',
    what: 'another Redis, empty, stands in its place for 3 s, then the first one again',
    claims: ['redis', 'line'],
    ms: 7_000,
    isPossible: ({ swap }) => swap !== undefined,
    act: async (scene) => {
      const { stage, crowd } = scene;
      const cause = { name: 'W1', unreachable: true, forgets: true };
      const backAt = await during(scene, cause, async () => {
        crowd.wiped();
        stage.swap?.('other');
        await sleep(3_000);
        crowd.wiped();
        stage.swap?.('first');
        await sleep(500);
        return now();
      });
      crowd.wiped();
      return {
        measures: [
          await deliveredAgain(scene, stage.pods, backAt, AGAIN_BAR),
          await readyAgain(scene, backAt),
        ],
      };
    },
  },
  {
    row: 'F36',
    what: 'Redis forgets its scripts, three times',
    claims: ['redis'],
    ms: 1_500,
    act: async ({ stage, crowd }) => {
      const from = now();
      for (let i = 0; i < 3; i++) {
        await (await stage.redis()).command('SCRIPT', 'FLUSH');
        await sleep(300);
      }
      const to = now();
      await sleep(300);
      const failed = keptOnPod(crowd, from, to);
      return {
        wrongsAlone: failed > 0 ? [`${failed} sends reached one pod only`] : [],
      };
    },
  },
];
