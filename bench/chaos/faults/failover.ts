/** What goes wrong with a master that Sentinels watch. */
import { until as polled } from '../../../spec/support/redis.js';
import { deliveredAgain, during, type Fault, now, until } from '../fault.js';
import type { Trio } from '../sentinel.js';

/** Sentinel's down-after (1 s) and two more. */
const KILLED_BAR = 3_000;
const FROZEN_BAR = 4_000;
const FROZEN_MS = 12_000;

export const failoverFaults = ({ master, revive, inStep, want }: Trio): readonly Fault[] => [
  {
    row: 'F04',
    what: 'the master is killed, a replica takes over',
    claims: ['redis'],
    ms: 9_000,
    act: async (scene) => {
      const node = await master();
      const hitAt = now();
      return during(scene, { name: 'F04', unreachable: true, forgets: true }, async () => {
        scene.crowd.wiped();
        await node.kill();
        const again = await deliveredAgain(scene, scene.stage.pods, hitAt + 100, KILLED_BAR);
        await polled('another master', async () => (await master()) !== node, 20_000);
        await revive(node);
        return { measures: [{ ...again, ms: again.ms + 100 }] };
      });
    },
  },
  {
    row: 'F05',
    what: 'the master is frozen for 12 s, a replica takes over',
    claims: ['redis'],
    ms: 15_000,
    act: async (scene) => {
      const node = await master();
      const hitAt = now();
      return during(scene, { name: 'F05', unreachable: true, forgets: true }, async () => {
        await want(1);
        node.freeze();
        const again = await deliveredAgain(scene, scene.stage.pods, hitAt + 100, FROZEN_BAR);
        await until(hitAt + FROZEN_MS);
        node.thaw();
        await polled('another master', async () => (await master()) !== node, 20_000);
        await node.command('REPLICAOF', '127.0.0.1', (await master()).port);
        await inStep();
        await want(0);
        return { measures: [{ ...again, ms: again.ms + 100 }] };
      });
    },
  },
];
