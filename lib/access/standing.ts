/**
 * What a connection may do, from its first moment to its token's last:
 *
 *   token at the door ──┐
 *   `refresh`ed ones ───┴─► Holds ── 30 s before its end ──► Expiring ── its end ──► Ended
 *
 * Each token that comes takes the place of the one before, and its end with it. An operator's word is not among these: it
 * closes, whatever the rights are.
 */
import { concat, type Observable, of, startWith, switchMap, takeWhile } from 'rxjs';
import type { Expiries } from './expiries.js';
import type { Identity } from './index.js';

export type Standing =
  | { readonly _tag: 'Holds'; readonly identity: Identity }
  | { readonly _tag: 'Expiring'; readonly expiresAt: number }
  | { readonly _tag: 'Ended' };

/** Contract section 1. */
const NOTICE_MS = 30_000;
const ENDED: Standing = { _tag: 'Ended' };

/** Completes when the token has ended. Never errors. */
export const standing = (
  first: Identity,
  refreshed$: Observable<Identity>,
  expiries: Expiries,
): Observable<Standing> =>
  refreshed$.pipe(
    startWith(first),
    switchMap((identity) => {
      const { expiresAt } = identity;
      const holds$ = of<Standing>({ _tag: 'Holds', identity });
      if (expiresAt === undefined) return holds$;
      return concat(
        holds$,
        expiries.reach(expiresAt - NOTICE_MS),
        of<Standing>({ _tag: 'Expiring', expiresAt }),
        expiries.reach(expiresAt),
        of(ENDED),
      );
    }),
    takeWhile(({ _tag }) => _tag !== 'Ended', true),
  );
