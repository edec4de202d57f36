/** Faults of a master that Sentinels watch. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, until as polled } from '../../../spec/support/redis.js';
import {
  deliveredAgain,
  during,
  type Fault,
  now,
  type Outcome,
  type Scene,
  until,
} from '../fault.js';
import { BETWEEN_MS, type Trio } from '../sentinel.js';

/** Sentinel's down-after (1 s) and two more. */
const KILLED_BAR = 3_000;
const FROZEN_BAR = 4_000;
const FROZEN_MS = 12_000;
const LAG_MS = 1_000;
/** The time from the new master to delivery. */
const PODS_BAR = 2_000;
/** Messages sent right before may have been answered by the old master. */
const BEFORE_MS = 100;

const isPromoted = async (now: RedisServer, before: RedisServer): Promise<boolean> => {
  if (now === before) return false;
  const role = await now.command('ROLE');
  return Array.isArray(role) && role[0] === 'master';
};

export const failoverFaults = ({ master, revive, inStep, detach }: Trio): readonly Fault[] => {
  let lastAt = -Infinity;

  const failover = async (
    scene: Scene,
    name: string,
    barMs: number,
    hit: (node: RedisServer) => Promise<void>,
    heal: (node: RedisServer, hitAt: number) => Promise<void>,
  ): Promise<Outcome> => {
    await until(lastAt + BETWEEN_MS);
    const node = await master();
    const { crowd } = scene;
    const gapsBefore = crowd.rare.length;
    // a replica lacks the last messages that the master answered
    crowd.wiped();
    const hitAt = now();
    lastAt = hitAt;
    return during(scene, { name, unreachable: true, forgets: true }, async () => {
      await hit(node);
      const promoted = polled(
        'another master',
        async () => isPromoted(await master(), node),
        20_000,
      )
        .then(() => now() - hitAt)
        .catch(() => Infinity);
      const again = await deliveredAgain(scene, scene.stage.pods, hitAt + BEFORE_MS, barMs);
      const promotedMs = await promoted;
      await heal(node, hitAt);
      crowd.wiped();
      const lost = crowd.rare
        .slice(gapsBefore)
        .filter((rare) => rare._tag === 'Gap' && rare.reason === 'log_lost').length;
      return {
        // the time that Sentinel takes is not that of the service
        measures: [
          { ...again, ms: again.ms + BEFORE_MS, barMs: Math.max(barMs, promotedMs + PODS_BAR) },
        ],
        wrongs: promotedMs === Infinity ? ['Sentinel named no other master'] : [],
        counts: { 'Sentinel’s part, ms': promotedMs, 'log_lost told': lost },
      };
    });
  };

  return [
    {
      row: 'F04',
      what: 'the master is killed, a replica takes over',
      claims: ['redis'],
      ms: 9_000,
      act: (scene) => failover(scene, 'F04', KILLED_BAR, (node) => node.kill(), revive),
    },
    {
      row: 'L1',
      what: 'the master is killed, and the replica that takes over is a second behind',
      claims: ['redis'],
      ms: 10_000,
      act: (scene) =>
        failover(
          scene,
          'L1',
          KILLED_BAR + LAG_MS,
          async (node) => {
            await detach();
            await sleep(LAG_MS);
            await node.kill();
          },
          revive,
        ),
    },
    {
      row: 'F05',
      what: 'the master is frozen for 12 s, a replica takes over',
      claims: ['redis'],
      ms: 15_000,
      act: (scene) =>
        failover(
          scene,
          'F05',
          FROZEN_BAR,
          async (node) => node.freeze(),
          async (node, hitAt) => {
            await until(hitAt + FROZEN_MS);
            node.thaw();
            await inStep();
          },
        ),
    },
  ];
};
