/**
 * Notices another pod of the same `SERVER_ID`: its probes come on the channel that this pod's own come on. A pod that was
 * restarted hears its former life for a moment at most, as that one is gone; a namesake goes on. What both write to Redis
 * is kept apart by each pod's nonce (`redis/pod-members.ts`), so the only harm is that nobody can tell the two by their name.
 */
import type { Clock } from '../../clock.js';

/** Longer than what a pod that ends may have under way, in probes of 500 ms. */
const PROBES = 4;
const WITHIN_MS = 10_000;
/** Whoever may publish on the channel can say anything. */
const MAX_LIVES = 8;
/** As `health-probe.ts` writes it: life, number, time. */
const PROBE = /^([0-9a-z]{1,8}) \d+ [\d.]+$/;

/** Takes what came on the pod's channel and is not its own; answers whether it shows a namesake that lives. */
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
