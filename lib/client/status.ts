/**
 * What the connection does, as the application sees it: derived from the state, so the two cannot differ.
 *
 *            a room is used         welcome               draining
 *     Idle ─────────────▶ Connecting ────────▶ Live ─────────────────────▶ Draining
 *                          ▲  │ ▲               │                           │    │
 *            retryAt, or   │  │ │ at once       │ ended                     │    │ the second connection
 *            visible       │  │ └───────────────┤                           │    │ has all rooms
 *                          │  ▼                 ▼                           │    ▼
 *                         Waiting ◀─────────────┴── the last one has ended ◀┘   Live
 *
 *     each, while a room is used ── offline, or frozen ──▶ Offline ── online, or resumed ──▶ Connecting
 *     each ── a final close code, a second 4001, close() ──▶ Closed
 *
 * When the old connection of a handover ends first, the status is that of the second one: `Live` after its
 * `welcome`, before that `Connecting`.
 *
 * A final close code: one after which a client does not come back (`comesBack` of `protocol/close-codes.ts`).
 *
 * At once: after a first 4001, and after 1001 when the connection was live for 1 s. A hidden page does not
 * try: it waits until it is visible. `Idle`: there is no connection, and no room is used.
 */
import type { State } from './state.js';

interface Served {
  readonly connectionId: string;
  readonly userId: string | null;
  readonly serverId: string;
  /** Messages reach the members on one pod only. */
  readonly degraded: boolean;
}

export type Status =
  | { readonly _tag: 'Idle' }
  | { readonly _tag: 'Connecting' }
  | ({ readonly _tag: 'Live' } & Served)
  | ({ readonly _tag: 'Draining' } & Served)
  /** `retryAt`: Unix ms. */
  | { readonly _tag: 'Waiting'; readonly retryAt: number; readonly because: string }
  | { readonly _tag: 'Offline'; readonly because: 'offline' | 'frozen' }
  | { readonly _tag: 'Closed'; readonly code: number; readonly because: string };

export const statusOf = ({
  final,
  connections: [first],
  pageState: page,
  uses,
  retryAt,
  because,
  setBack,
}: State): Status => {
  if (final) return { _tag: 'Closed', ...final };
  if (first?.session) {
    const { connection_id: connectionId, user_id: userId, server_id: serverId } = first.session;
    const _tag = first.isDraining ? 'Draining' : 'Live';
    return { _tag, connectionId, userId, serverId, degraded: !!first.isDegraded };
  }
  if (first) return { _tag: 'Connecting' };
  if (!uses) return { _tag: 'Idle' };
  if (page.out) return { _tag: 'Offline', because: page.out };
  return {
    _tag: 'Waiting',
    retryAt: Math.ceil(retryAt - setBack),
    because: page.isHidden ? 'hidden' : because,
  };
};
