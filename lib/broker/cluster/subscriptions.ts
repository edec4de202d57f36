/**
 * Which channels this pod is subscribed to, reconciled by name: the channels that have a sink against those
 * that Redis has confirmed. A Map of channels finds the sinks of each message from Redis. One filter for each
 * channel would cost 200 µs a message at 5,000 channels. When the sink of a channel is replaced by another
 * within a turn, no command is sent.
 *
 * Source: it subscribes to Redis's answers to SUBSCRIBE and UNSUBSCRIBE; `close` ends them.
 */
import { isRight, type Either } from 'fp-ts/lib/Either.js';
import { type OperatorFunction, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import { backoffMs } from '../../rx/backoff.js';
import type { Publication } from '../../protocol/publication.js';
import { mapSome } from '../../rx/map-some.js';
import type { RedisPort, RedisError, RedisEvent } from '../redis/port.js';
import { orTimeout } from './timeout.js';

/** What comes on a channel. */
type Pushed = Extract<RedisEvent, { readonly _tag: 'Message' | 'Published' }>;

/** Receives what comes on a channel. */
export interface Sink {
  message(payload: Buffer): void;
  /** A message that the port itself has placed (`RedisEvent`). Absent on the channels of no room. */
  readonly published?: (publication: Publication) => void;
  /**
   * Every message from now on arrives. Called again when the channel was unsubscribed and is subscribed
   * again.
   */
  subscribed(): void;
  /** Redis has dropped the subscription, or the connection to Redis is lost. */
  unsubscribed(): void;
  /** Redis refuses this channel: the ACL user may not subscribe to it. */
  denied(detail: string): void;
}

export interface Subscriptions {
  /** Keeps the channel subscribed until the returned subscription ends. */
  open(channel: string, sink: Sink): Subscription;
  /** Receives the events of Redis. */
  accept(event: RedisEvent): void;
  /** Delivers the messages to the sinks, and emits all other events. */
  readonly messages: OperatorFunction<RedisEvent, Exclude<RedisEvent, Pushed>>;
  /** How many channels are wanted, subscribed, or being unsubscribed. */
  size(): number;
  close(): void;
}

interface Entry {
  readonly sinks: Set<Sink>;
  state: 'Idle' | 'Subscribing' | 'Subscribed' | 'Unsubscribing';
  /** The command that is not answered yet. Answers to earlier commands are ignored. */
  call: object | undefined;
  /**
   * Subscribed by a command of its own: Redis refuses a SUBSCRIBE whole when it refuses one of its channels.
   */
  separate: boolean;
}

const MAX_CHANNELS = 500;
const ANSWER_MS = 5_000;

export const subscriptions = ({
  redis,
  clock,
}: {
  readonly redis: RedisPort;
  readonly clock: Clock;
}): Subscriptions => {
  const entries = new Map<string, Entry>();
  const unsure = new Set<string>();
  const calls = new Subscription();
  let ready = false;
  let failures = 0;
  let due: Subscription | undefined;

  const push = (event: Pushed): void => {
    const entry = entries.get(event.channel);
    if (entry === undefined) return;
    for (const sink of entry.sinks)
      if (event._tag === 'Message') sink.message(event.payload);
      else sink.published?.(event.publication);
  };

  const reconcileSoon = (channel: string): void => {
    unsure.add(channel);
    if (ready) due ??= clock.turn(reconcile);
  };

  const reconcile = (): void => {
    due = undefined;
    const toSubscribe: string[] = [];
    const toUnsubscribe: string[] = [];
    for (const channel of unsure) {
      const entry = entries.get(channel);
      if (entry === undefined) continue;
      const wanted = entry.sinks.size > 0;
      if (wanted && entry.state === 'Idle') {
        if (entry.separate) ask('Subscribing', [channel]);
        else toSubscribe.push(channel);
      } else if (!wanted && entry.state === 'Subscribed') toUnsubscribe.push(channel);
      else if (!wanted && entry.state === 'Idle') entries.delete(channel);
    }
    unsure.clear();
    for (let i = 0; i < toSubscribe.length; i += MAX_CHANNELS)
      ask('Subscribing', toSubscribe.slice(i, i + MAX_CHANNELS));
    for (let i = 0; i < toUnsubscribe.length; i += MAX_CHANNELS)
      ask('Unsubscribing', toUnsubscribe.slice(i, i + MAX_CHANNELS));
  };

  const ask = (state: 'Subscribing' | 'Unsubscribing', channels: readonly string[]): void => {
    const call = {};
    for (const channel of channels) {
      const entry = entries.get(channel);
      if (entry !== undefined) {
        entry.state = state;
        entry.call = call;
      }
    }
    const answer$ =
      state === 'Subscribing' ? redis.subscribe(channels) : redis.unsubscribe(channels);
    const asked = new Subscription();
    calls.add(asked);
    asked.add(
      answer$.pipe(orTimeout(ANSWER_MS, clock.scheduler)).subscribe((answer) => {
        calls.remove(asked);
        answered(state, channels, call, answer);
      }),
    );
  };

  const answered = (
    state: 'Subscribing' | 'Unsubscribing',
    channels: readonly string[],
    call: object,
    answer: Either<RedisError, void>,
  ): void => {
    const refused =
      !isRight(answer) && answer.left._tag === 'NoPermission' && state === 'Subscribing';
    const failed = !isRight(answer) && !refused;
    for (const channel of channels) {
      const entry = entries.get(channel);
      if (entry?.call !== call) continue;
      entry.call = undefined;
      // Redis may have done an UNSUBSCRIBE that failed. A needless SUBSCRIBE changes nothing; a missing one
      // loses messages
      entry.state =
        isRight(answer) && state === 'Subscribing'
          ? 'Subscribed'
          : failed && state === 'Unsubscribing' && entry.sinks.size === 0
            ? 'Subscribed'
            : 'Idle';
      if (entry.state === 'Subscribed' && state === 'Subscribing')
        for (const sink of [...entry.sinks]) sink.subscribed();
      if (refused && channels.length === 1)
        for (const sink of [...entry.sinks]) sink.denied(answer.left.detail);
      else if (refused) entry.separate = true;
      unsure.add(channel);
    }
    // a channel that is refused is asked for again while it has a sink: the ACL may change
    const isVain = failed || (refused && channels.length === 1);
    failures = isVain ? failures + 1 : 0;
    if (!ready || unsure.size === 0) return;
    due?.unsubscribe();
    due = isVain
      ? clock.scheduler.schedule(reconcile, backoffMs(failures - 1, clock.random))
      : clock.turn(reconcile);
  };

  const markUnsubscribed = (channel: string, entry: Entry): void => {
    const was = entry.state;
    entry.state = 'Idle';
    entry.call = undefined;
    if (was === 'Subscribed') for (const sink of [...entry.sinks]) sink.unsubscribed();
    reconcileSoon(channel);
  };

  return {
    open: (channel, sink) => {
      const entry = entries.get(channel) ?? {
        sinks: new Set(),
        state: 'Idle',
        call: undefined,
        separate: false,
      };
      entries.set(channel, entry);
      entry.sinks.add(sink);
      if (entry.state === 'Subscribed') sink.subscribed();
      else reconcileSoon(channel);
      return new Subscription(() => {
        entry.sinks.delete(sink);
        if (entry.sinks.size > 0 || entries.get(channel) !== entry) return;
        if (entry.state === 'Idle' && !ready) entries.delete(channel);
        else reconcileSoon(channel);
      });
    },
    messages: mapSome((event) => {
      if (event._tag !== 'Message' && event._tag !== 'Published') return event;
      push(event);
      return undefined;
    }),
    accept: (event) => {
      switch (event._tag) {
        case 'Message':
        case 'Published':
          return push(event);
        case 'Ready':
          ready = true;
          failures = 0;
          for (const channel of entries.keys()) reconcileSoon(channel);
          return;
        case 'Lost':
          ready = false;
          due?.unsubscribe();
          due = undefined;
          for (const [channel, entry] of [...entries]) {
            markUnsubscribed(channel, entry);
            if (entry.sinks.size === 0) entries.delete(channel);
          }
          return;
        case 'Refused':
          return;
        case 'Dropped':
          for (const channel of event.channels) {
            const entry = entries.get(channel);
            if (entry !== undefined) markUnsubscribed(channel, entry);
          }
      }
    },
    size: () => entries.size,
    close: () => {
      ready = false;
      due?.unsubscribe();
      calls.unsubscribe();
      entries.clear();
    },
  };
};
