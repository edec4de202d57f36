/**
 * What a membership is to its room. Absent from the Map: not in the room.
 *
 *   absent ── Join ──► Joining ── channel open, others counted, caught up ──► Member
 *      ▲                  │ ▲                                                   │ │
 *      ├── Leave ─────────┘ └────────── Join with `last_id`: goes on from it ───┘ │
 *      └── Leave ─────────────────────────────────────────────────────────────────┘
 *
 * While Joining, what the connection publishes and asks again is queued, in its order.
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
  /** Publishes of the connection wait until it is in. */
  readonly queued: Publish[];
  /** Each further join is answered. */
  readonly askedAgain: Join[];
  /** The connection was a member and resumes from an id: for the other members it never left. */
  readonly wasMember: boolean;
}

export interface Member {
  readonly _tag: 'Member';
  readonly fanOut: Subscription;
}

export type MemberState = Joining | Member;
