/** Faults of a pod. */
import { setTimeout as sleep } from 'node:timers/promises';
import { back, type Fault, now, stayed } from '../fault.js';

const RECONNECT_BAR = 5_000;
const STALL_MS = 5_000;
/** libfaketime reads its file once a second. */
const JUMP_MS = 2_500;

export const podFaults: readonly Fault[] = [
  {
    row: 'F11',
    what: 'a pod is killed, and started again after 1.5 s',
    claims: ['pod'],
    ms: 5_000,
    act: async (scene) => {
      const { stage, chance, crowd } = scene;
      const pod = chance.one(stage.pods);
      const hitAt = now();
      const cut = stayed(scene, [pod], hitAt);
      const forgive = crowd.blame('its pod was killed', (_, name) => name === pod.name);
      await pod.kill();
      scene.checker.status(pod.name, 'gone', now());
      // the ends of its sockets come before the next turn but one
      await sleep(100);
      forgive();
      const restart = sleep(1_400).then(pod.start);
      const reconnected = await back(scene, 'reconnected (p99)', cut, hitAt, RECONNECT_BAR);
      await restart;
      await pod.isReady('ready', 10_000).catch(() => undefined);
      return {
        measures: [reconnected],
        counts: { 'clients cut': cut.length },
      };
    },
  },
  {
    row: 'F17',
    what: 'a pod’s event loop stalls for 5 s',
    claims: ['pod'],
    ms: 6_500,
    act: async (scene) => {
      const { stage, chance } = scene;
      const pod = chance.one(stage.pods);
      pod.signal('SIGSTOP');
      await sleep(STALL_MS);
      pod.signal('SIGCONT');
      await sleep(1_000);
      // no socket is closed by this fault, so every close is unexpected
      return {};
    },
  },
  {
    row: 'F18',
    what: 'a pod’s wall clock jumps by an hour, to and fro',
    claims: ['pod'],
    ms: 6_000,
    isPossible: ({ pods }) => pods.some(({ clock }) => clock !== undefined),
    act: async ({ stage, chance }) => {
      const pod = stage.pods.find(({ clock }) => clock !== undefined);
      const wrongs: string[] = [];
      for (const seconds of [chance.one([3_600, -3_600]), 0]) {
        pod?.clock?.(seconds);
        await sleep(JUMP_MS);
        const off = ((await pod?.wall()) ?? 0) - Date.now() / 1_000;
        if (Math.abs(off - seconds) > 5)
          wrongs.push(`its clock is ${off.toFixed(0)} s off, expected ${seconds}`);
      }
      return { wrongs };
    },
  },
];
