/**
 * One call of the publish script: up to 64 messages of a room, in order. A try whose connection broke may
 * have run. So each try has the same id and nonces, and when an earlier try ran, Redis gives the answer of
 * that try.
 */
import { Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import {
  drawNonce,
  drawTag,
  type MessageId,
  nextNonce,
  type Room,
} from '../../protocol/position.js';
import { bodyOf, type Draft, type Publication } from '../../protocol/publication.js';
import type { Again, Outcome, RedisPort } from '../redis/port.js';
import type { HealthProbe } from './health-probe.js';
import type { PublishResult } from './publish-result.js';

/** A message that has no answer yet. */
export interface Waiting {
  readonly draft: Draft;
  /** The end of its time, monotonic. It may wait longer, as earlier messages of the room go first. */
  readonly until: number;
  readonly answer: (result: PublishResult) => void;
}

export interface Call {
  readonly id: string;
  readonly batch: readonly Waiting[];
  readonly nonces: readonly number[];
  readonly tag: number;
  readonly until: number;
  /** The ids under which messages of this call came on the room's channel, before Redis answered. */
  readonly received: Map<number, string>;
  /** The timer of `until`. */
  readonly end: Subscription;
  /** The try under way, or the wait before the next. */
  attempt: Subscription;
  /** The state of Redis at the first try. */
  first: Again | undefined;
}

export interface PublishCallDeps {
  readonly clock: Clock;
  /** How long a message waits for Redis before it goes to this pod's members. */
  readonly timeoutMs: number;
  readonly probe: Pick<HealthProbe, 'ahead'>;
  /** An id outside the log, with the offset of the room on this pod. */
  readonly idOutside: (room: Room, nonce: number) => MessageId;
}

export interface PublishCalls {
  /** The nonce of the next id. */
  nonce(): number;
  /** After a wait for a connection (`hasWaited`) a call has no more time than its first message. */
  make(batch: readonly Waiting[], hasWaited: boolean): Call;
  /** What one try asks of Redis. `isUnsure`: an earlier one may have run. */
  request(room: Room, call: Call, isUnsure: boolean): Parameters<RedisPort['publish']>;
}

/**
 * A call ends when the time of its first message is over. When that message has waited long behind earlier
 * calls, the call has at least this part of the timeout: a busy queue or a stalled event loop is no outage.
 */
const LEAST = 0.25;
/** Redis's clock may have been set back by this much between the probe and the call. */
const SLACK_MS = 1_000;

export const publishCalls = (deps: PublishCallDeps): PublishCalls => {
  const { clock, timeoutMs, probe, idOutside } = deps;
  const { scheduler, random } = clock;
  const life = `c${Math.floor(random() * 0x100_0000_0000).toString(36)}-`;
  let calls = 0;
  let last = drawNonce(random);

  return {
    // consecutive, not random: in an outage many messages have one offset, and of a thousand random nonces
    // two would be equal
    nonce: () => (last = nextNonce(last)),
    make: (batch, hasWaited) => {
      const now = scheduler.now();
      const accepted = batch[0]?.until ?? now;
      calls += 1;
      return {
        id: life + calls.toString(36),
        batch,
        nonces: batch.map(() => (last = nextNonce(last))),
        tag: drawTag(random),
        until: hasWaited ? accepted : Math.max(accepted, now + LEAST * timeoutMs),
        received: new Map(),
        end: new Subscription(),
        attempt: Subscription.EMPTY,
        first: undefined,
      };
    },
    request: (room, call, isUnsure) => {
      const { id, batch, nonces, tag, until } = call;
      // a call is sent only while `ahead` is known
      const ahead = probe.ahead() ?? 0;
      if (call.first === undefined) {
        const at = idOutside(room, 0);
        const sinceMs = Math.floor(scheduler.now() + ahead) - SLACK_MS;
        call.first = { sinceMs, tag: at.tag, offset: at.offset };
      }
      const again = isUnsure ? { id, again: call.first } : { id };
      const drafts = batch.map(({ draft }) => draft);
      return [room, drafts, nonces, tag, Math.floor(until + ahead), again];
    },
  };
};

/**
 * This message came on the room's channel. When it is a message of the call, the call has run, even if its
 * answer is an error.
 */
export const receive = (call: Call, { id, idText, payload }: Publication): void => {
  if (id.outside) return;
  const i = call.nonces.indexOf(id.nonce);
  // the first id counts: another program can repeat the nonce and the body only after it received them
  if (i !== -1 && bodyOf(payload) === call.batch[i]?.draft.rest && !call.received.has(i))
    call.received.set(i, idText);
};

/** All the messages of a call, if all came on the room's channel. */
export const receivedOf = ({ batch, received }: Call): readonly Outcome[] | undefined =>
  received.size === batch.length ? batch.map((_, i) => placed(received.get(i) ?? '')) : undefined;

export const placed = (id: string): Outcome => ({ _tag: 'Placed', id });
