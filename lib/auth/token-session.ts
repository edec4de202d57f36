/**
 * What a connection may do, from its first moment to its token's last, as one stream:
 *
 *   token at the door ──┐
 *   `refresh`ed ones ───┴─► Holds ── 30 s before its end ──► Expiring ── its end ──► Ended
 *   operator's word ────────── at any time ────────────────────────────────────────► Revoked
 *
 * Each token that comes takes the place of the one before, and its end with it. It is one hand-written source: as a chain of
 * operators it took 6.7 kB a connection.
 */
import { Observable, type Subscriber } from 'rxjs';
import type { ExpiryTimer, Waiter } from './expiry-timer.js';
import type { Identity } from './index.js';

export type AuthState =
  | { readonly _tag: 'Valid'; readonly identity: Identity }
  | { readonly _tag: 'Expiring'; readonly expiresAt: number }
  | { readonly _tag: 'Expired' }
  | { readonly _tag: 'Revoked' };

/** Contract section 1. */
const NOTICE_MS = 30_000;
const ENDED: AuthState = { _tag: 'Expired' };
/** What an operator's word makes of any rights, of a token's and of none. */
export const REVOKED: AuthState = { _tag: 'Revoked' };
const NEVER = Number.POSITIVE_INFINITY;

export class TokenSession implements Waiter {
  at = NEVER;
  private notified = false;
  private subscriber: Subscriber<AuthState> | undefined = undefined;

  constructor(
    private identity: Identity,
    private readonly expiries: ExpiryTimer,
  ) {}

  /** Of one subscriber. Completes when the token has ended or was taken, and never errors. */
  get state$(): Observable<AuthState> {
    return new Observable<AuthState>((subscriber) => {
      this.subscriber = subscriber;
      this.renew(this.identity);
      return () => this.end();
    });
  }

  /** Another token of the same user. */
  renew(identity: Identity): void {
    this.identity = identity;
    this.notified = false;
    this.expiries.leave(this);
    this.subscriber?.next({ _tag: 'Valid', identity });
    const { expiresAt } = identity;
    if (expiresAt !== undefined) this.waitFor(expiresAt - NOTICE_MS);
  }

  onExpiry(): void {
    const { notified } = this;
    const { expiresAt = NEVER } = this.identity;
    if (notified) return this.finish(ENDED);
    this.notified = true;
    this.subscriber?.next({ _tag: 'Expiring', expiresAt });
    this.waitFor(expiresAt);
  }

  /** An operator's word. */
  revoke(): void {
    this.finish(REVOKED);
  }

  private finish(standing: AuthState): void {
    const { subscriber } = this;
    subscriber?.next(standing);
    subscriber?.complete();
  }

  private waitFor(at: number): void {
    // it may have ended by what it was told
    if (this.subscriber === undefined) return;
    this.at = at;
    this.expiries.enter(this);
  }

  private end(): void {
    this.subscriber = undefined;
    this.expiries.leave(this);
  }
}
