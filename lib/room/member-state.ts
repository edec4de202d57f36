/**
 * The state of a membership in its room. A membership that is not in the Map is not in the room.
 *
 *   absent ── Join ──► Joining ── channel open, others counted, caught up ──► Member
 *      ▲                  │ ▲                                                   │ │
 *      ├── Leave ─────────┘ └────────── Join with `last_id`: goes on from it ───┘ │
 *      └── Leave ─────────────────────────────────────────────────────────────────┘
 *
 * While a membership is Joining, the connection's publishes and further joins wait. Then all publishes go
 * first, in their order, and after them the joins.
 */
import type { Subject, Subscription } from 'rxjs';
import type { Command } from '../connection/connection.js';

type Of<T extends Command['_tag']> = Extract<Command, { readonly _tag: T }>;
export type Join = Of<'Join'>;
export type Leave = Of<'Leave'>;
export type Publish = Of<'Publish'>;

export interface Joining {
  readonly _tag: 'Joining';
  readonly cancelled$: Subject<void>;
  /** Publishes of the connection, which wait until it is a member. */
  readonly queued: Publish[];
  /** Further joins of the connection. Each is answered. */
  readonly askedAgain: Join[];
  /** The connection was a member before and resumes from an id: for the other members it has not left. */
  readonly wasMember: boolean;
}

export interface Member {
  readonly _tag: 'Member';
  readonly fanOut: Subscription;
}

export type MemberState = Joining | Member;
