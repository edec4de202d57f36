/**
 * Messages that members of this pod got already though their publish may have run: when Redis says one after all, it is
 * not said again. The 20 bits of the id alone would collide once in a million messages, so the bytes behind the id must be
 * the same too. Bounded by age, number and size; one that was let go is heard twice, under another id.
 */
import type { Clock } from '../clock.js';
import { type Publication, restOf } from '../codec.js';
import type { Room } from '../position.js';

export interface Echoes {
  /** `as` is the id under which it was said. */
  remember(room: Room, nonce: number, rest: string, as: string): void;
  /** That id, of an echo. Costs nothing while nothing is remembered, which is always but after an outage. */
  find(room: Room, publication: Publication): string | undefined;
  size(): number;
}

interface Echo {
  readonly rest: string;
  readonly as: string;
  readonly until: number;
}

/** As long as the log has it by default: after a long outage it is read there. */
const KEEP_MS = 600_000;
const MAX_ECHOES = 16_384;
const MAX_LENGTH = 16_777_216;

export const echoes = ({ clock }: { readonly clock: Clock }): Echoes => {
  /** In the order of `until`. */
  const kept = new Map<string, Echo>();
  let length = 0;

  const forget = (): void => {
    const now = clock.scheduler.now();
    for (const [key, { rest, until }] of kept) {
      if (until > now && kept.size <= MAX_ECHOES && length <= MAX_LENGTH) return;
      kept.delete(key);
      length -= rest.length;
    }
  };

  return {
    remember: (room, nonce, rest, as) => {
      const key = keyOf(room, nonce);
      length += rest.length - (kept.get(key)?.rest.length ?? 0);
      kept.delete(key);
      kept.set(key, { rest, as, until: clock.scheduler.now() + KEEP_MS });
      forget();
    },
    find: (room, publication) => {
      if (kept.size === 0 || publication.id.outside) return undefined;
      forget();
      const echo = kept.get(keyOf(room, publication.id.nonce));
      return echo !== undefined && restOf(publication.payload) === echo.rest ? echo.as : undefined;
    },
    size: () => kept.size,
  };
};

const keyOf = (room: Room, nonce: number): string => `${nonce} ${room}`;
