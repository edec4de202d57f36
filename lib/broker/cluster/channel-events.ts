/**
 * What the broker gives a channel (`RawEvent`); what goes into the channel's state machine,
 * `channel-state.ts` (`Input`); and what comes out of it, as data (`Effect`).
 */
import type { Page } from '../../history/page.js';
import type { LogPosition, MessageId } from '../../protocol/position.js';
import type { Publication } from '../../protocol/publication.js';
import type { GapReason } from '../../protocol/system-event.js';
import type { ChannelEvent } from '../index.js';
import type { RedisError } from '../redis/port.js';
import type { Missing } from './confirmation.js';

/** An id, and its text as the script gave it. */
export interface PlacedId {
  readonly id: MessageId;
  readonly idText: string;
}

/** What members get of a message. */
export type Delivered = Extract<ChannelEvent, { readonly _tag: 'Published' | 'Echoed' }>;

/** From the broker to the channel of one room. */
export type RawEvent =
  | { readonly _tag: 'Received'; readonly publication: Publication }
  /** A message that the port itself has placed: it needs no answer of the log. */
  | { readonly _tag: 'Published'; readonly publication: Publication }
  /** A call of this pod was answered: these ids are in the log. No ids: it logged none, or it has ended. */
  | { readonly _tag: 'Placed'; readonly ids: readonly PlacedId[] }
  /** Publishes of this pod were acked because these ids came on the channel: the log should have them. */
  | { readonly _tag: 'AckedByPush'; readonly ids: readonly PlacedId[] }
  /** A message that reaches the members on this pod only. No log has it. */
  | { readonly _tag: 'LocalOnly'; readonly publication: Publication }
  /** From now on every message is received. Emitted again after each `Unsubscribed`. */
  | { readonly _tag: 'Subscribed' }
  | { readonly _tag: 'Unsubscribed' }
  /** There is an outage: a channel that is not open yet opens without the log, with the scope `pod`. */
  | { readonly _tag: 'Degraded' }
  /**
   * A probe came back in an outage. `since`: when the probe was sent. Everything that was pushed since then
   * was received. Earlier pushes may be lost, even on a connection that did not break.
   */
  | { readonly _tag: 'Recovered'; readonly since: number }
  /** Asks the log whether a quiet channel still has the log's position. */
  | { readonly _tag: 'Poll' }
  | { readonly _tag: 'Denied'; readonly detail: string };

export type Input =
  /** A message was received and could not be delivered at once. */
  | {
      readonly _tag: 'Waiting';
      readonly offset: number;
      readonly isConfirmed: boolean;
      /** A publish of this pod may have sent the message: its answer will confirm it. */
      readonly isUnderWay: boolean;
    }
  /** A message waits, and no publish of this pod will confirm it. */
  | { readonly _tag: 'InDoubt' }
  /** A call of this pod was answered, or has ended. `isOurs`: it has no id of another epoch. */
  | { readonly _tag: 'Placed'; readonly isOurs: boolean }
  /**
   * The answer to `Ask`. When the log was asked, `asked` was the channel's position and `furthest` the last
   * position that was known of the log.
   */
  | {
      readonly _tag: 'LogTop';
      readonly top: LogPosition | undefined;
      readonly asked: LogPosition;
      readonly furthest: LogPosition;
      readonly isContradicted: boolean;
    }
  | { readonly _tag: 'AskFailed' }
  /** The result of `Compare`. */
  | { readonly _tag: 'Compared'; readonly top: LogPosition; readonly missing: Missing }
  /**
   * `known`: when the page is of another epoch than the channel, how far the channel was in that epoch.
   * `furthest`: the last position that was known of the log when it was asked. `isContradicted`: the page has
   * another message at the offset of a known id (`confirmed-ids.ts`).
   */
  | {
      readonly _tag: 'PageRead';
      readonly page: Page;
      readonly position: LogPosition;
      readonly known: LogPosition;
      readonly furthest: LogPosition;
      readonly isContradicted: boolean;
    }
  | { readonly _tag: 'ReadFailed'; readonly error: RedisError }
  /** A poll failed, or its result is outdated. */
  | { readonly _tag: 'CheckEnded' }
  | { readonly _tag: 'Renewed'; readonly top: LogPosition; readonly known: LogPosition }
  /** The result of `Fill`. */
  | { readonly _tag: 'Filled'; readonly page: Page; readonly end: 'Top' | 'More' | Missing }
  /** The result of `Conclude`. `isFull`: the buffer had no space for some messages. */
  | { readonly _tag: 'Concluded'; readonly isFull: boolean }
  /** The end of a wait. */
  | { readonly _tag: 'Elapsed' }
  | { readonly _tag: 'Subscribed' }
  | { readonly _tag: 'Unsubscribed' }
  /** There is an outage, or the channel did not open in time. */
  | { readonly _tag: 'Degraded' }
  /** Everything that was pushed since this time was received; earlier pushes may be missing. */
  | { readonly _tag: 'Recovered'; readonly since: number }
  | { readonly _tag: 'Poll'; readonly isQuiet: boolean }
  | { readonly _tag: 'Denied'; readonly detail: string };

/** An effect that causes an input is the last of its list. */
export type Effect =
  | { readonly _tag: 'Open'; readonly top: LogPosition }
  | { readonly _tag: 'OpenOnPod' }
  | { readonly _tag: 'Gap'; readonly reason: GapReason; readonly top: LogPosition }
  /**
   * A gap up to just before `head`. Without `head`: up to just before the received messages whose consecutive
   * offsets end at `top`.
   */
  | {
      readonly _tag: 'GapBefore';
      readonly reason: GapReason;
      readonly head: Publication | undefined;
      readonly top: LogPosition;
      readonly isComplete: boolean;
    }
  | { readonly _tag: 'Confirm'; readonly top: LogPosition; readonly entries: Page['entries'] }
  | { readonly _tag: 'DeliverConfirmed' }
  | { readonly _tag: 'Synced'; readonly yes: boolean }
  | { readonly _tag: 'Fail'; readonly detail: string }
  | { readonly _tag: 'Ask' }
  | { readonly _tag: 'AskIfInDoubt' }
  | { readonly _tag: 'Compare'; readonly top: LogPosition }
  | { readonly _tag: 'ReadPage'; readonly isFirst: boolean }
  | { readonly _tag: 'Check' }
  | { readonly _tag: 'Renew'; readonly tag: number }
  | { readonly _tag: 'Fill'; readonly page: Page }
  | { readonly _tag: 'Conclude' }
  | { readonly _tag: 'Wait'; readonly ms: number }
  /** A wait with jitter, longer with each failure. */
  | { readonly _tag: 'BackOff'; readonly failures: number };
