/**
 * Notices another pod with the same `SERVER_ID`: its probes come on the same channel as this pod's. A
 * restarted pod receives probes of its former life for a moment only; those of a namesake go on. The two pods
 * keep their data in Redis apart by a nonce for each pod (`broker/redis/pod-members.ts`), so the only harm is
 * that operators cannot tell them apart by name.
 */
import type { Clock } from '../../clock.js';

/** A pod sends a probe every 500 ms. A pod that has ended has fewer than this many on their way. */
const PROBES = 4;
const WITHIN_MS = 10_000;
/** Other programs may publish on the channel, so the number of lives is bounded. */
const MAX_LIVES = 8;
/** The form of `health-probe.ts`: life, number, time. */
const PROBE = /^([0-9a-z]{1,8}) \d+ [\d.]+$/;

/** Receives a payload of the pod's channel that is not its own. True: it shows a living namesake. */
export const namesakes = (clock: Clock): ((payload: Buffer) => boolean) => {
  const lives = new Map<string, { readonly since: number; probes: number }>();
  return (payload) => {
    const [, life] = PROBE.exec(payload.toString('latin1')) ?? [];
    if (life === undefined) return false;
    const now = clock.scheduler.now();
    for (const [name, { since }] of lives) if (now - since > WITHIN_MS) lives.delete(name);
    const seen = lives.get(life) ?? { since: now, probes: 0 };
    if (lives.size < MAX_LIVES) lives.set(life, seen);
    seen.probes += 1;
    return seen.probes >= PROBES;
  };
};
