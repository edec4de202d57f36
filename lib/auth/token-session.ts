/**
 * What a connection may do, from its start to the end of its token, as one stream:
 *
 *   token of the handshake ──┐
 *   tokens of `refresh` ─────┴─► Valid ── 30 s before it expires ──► Expiring ── it expires ──► Expired
 *   an operator's disconnect ──────── at any time ─────────────────────────────────────────────► Revoked
 *
 * A new token replaces the earlier token and its expiry. The stream is one hand-written Observable: a chain
 * of operators took 6.7 kB a connection.
 */
import { Observable, type Subscriber } from 'rxjs';
import type { ExpiryTimer, Waiter } from './expiry-timer.js';
import type { Identity } from './index.js';

export type AuthState =
  | { readonly _tag: 'Valid'; readonly identity: Identity }
  | { readonly _tag: 'Expiring'; readonly expiresAt: number }
  | { readonly _tag: 'Expired' }
  | { readonly _tag: 'Revoked' };

/** `token_expiring`: docs/protocol.md, section 2.4. */
const NOTICE_MS = 30_000;
const ENDED: AuthState = { _tag: 'Expired' };
/** An operator has disconnected the connection: it has no rights any more, with or without a token. */
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

  /** For one subscriber. Completes after `Expired` or `Revoked`, and never errors. */
  get state$(): Observable<AuthState> {
    return new Observable<AuthState>((subscriber) => {
      this.subscriber = subscriber;
      this.renew(this.identity);
      return () => this.end();
    });
  }

  /** Replaces the token by another one of the same user. */
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

  /** An operator disconnects the connection. */
  revoke(): void {
    this.finish(REVOKED);
  }

  private finish(standing: AuthState): void {
    const { subscriber } = this;
    subscriber?.next(standing);
    subscriber?.complete();
  }

  private waitFor(at: number): void {
    // the subscriber may have unsubscribed while it handled the state
    if (this.subscriber === undefined) return;
    this.at = at;
    this.expiries.enter(this);
  }

  private end(): void {
    this.subscriber = undefined;
    this.expiries.leave(this);
  }
}
