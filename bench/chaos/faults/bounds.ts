/** Faults with logs of one message and rooms that linger for a millisecond. */
import { setTimeout as sleep } from 'node:timers/promises';
import { deliveredAgain, during, type Fault, now, stayed } from '../fault.js';

const CALM_MS = 5_000;
const AGAIN_BAR = 2_000;

export const boundFaults: readonly Fault[] = [
  {
    row: 'B1',
    what: 'nothing, with a log of one message',
    claims: ['redis', 'line', 'pod', 'clients'],
    ms: CALM_MS,
    act: async (scene) => {
      const { stage, crowd } = scene;
      const from = now();
      await sleep(CALM_MS);
      const there = new Set(stayed(scene, stage.pods, from).map(({ who }) => who));
      const gaps = crowd.rare.filter(
        (rare) => rare.at >= from && rare._tag === 'Gap' && there.has(rare.who) && rare.isLive,
      );
      return {
        counts: { stayed: there.size },
        wrongs: gaps.length > 0 ? [`${gaps.length} gaps were told to those who stayed`] : [],
      };
    },
  },
  {
    row: 'B2',
    what: 'Redis stands still for 3 s, with a log of one message',
    claims: ['redis', 'line', 'pod', 'clients'],
    ms: 6_000,
    act: async (scene) => {
      const redis = await scene.stage.redis();
      await during(scene, { name: 'B2', unreachable: true }, async () => {
        redis.freeze();
        await sleep(3_000);
        redis.thaw();
      });
      return { measures: [await deliveredAgain(scene, scene.stage.pods, now(), AGAIN_BAR)] };
    },
  },
  {
    row: 'B3',
    what: 'a pod’s connections to Redis break, with a log of one message',
    claims: ['redis', 'line', 'pod', 'clients'],
    ms: 3_000,
    act: async ({ stage, chance }) => {
      chance.one(stage.pods).line?.reset();
      await sleep(2_000);
      return {};
    },
  },
];
