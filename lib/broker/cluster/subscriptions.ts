/**
 * Which channels this pod hears, reconciled by name: what is wanted (somebody listens) against what Redis has confirmed.
 * One listener on the bus feeds a Map of channels, as a filter a channel costs 200 µs a message at 5,000 channels.
 * A new listener of a channel may come before the old one has gone: neither makes a command then.
 */
import { isRight, type Either } from 'fp-ts/lib/Either.js';
import { Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import { backoffMs } from '../../rx/backoff.js';
import type { RedisPort, RedisError, RedisEvent } from '../redis/port.js';
import { orTimeout } from './timeout.js';

/** Who listens to a channel. */
export interface Sink {
  message(payload: Buffer): void;
  /** From here every later message arrives; said again after each `torn`. */
  subscribed(): void;
  unsubscribed(): void;
  /** Redis refuses this channel for good. */
  denied(detail: string): void;
}

export interface Subscriptions {
  /** Wants the channel until unsubscribed. */
  open(channel: string, sink: Sink): Subscription;
  /** Takes what the bus pushes. */
  accept(event: RedisEvent): void;
  /** How many channels are wanted, confirmed or on their way out. */
  size(): number;
  close(): void;
}

interface Entry {
  readonly sinks: Set<Sink>;
  state: 'Idle' | 'Subscribing' | 'Subscribed' | 'Unsubscribing';
  /** The command under way; an answer to another is too late to count. */
  call: object | undefined;
  /** Asked for by itself: one channel that is refused takes its whole SUBSCRIBE with it. */
  separate: boolean;
}

const MAX_CHANNELS = 500;
const ANSWER_MS = 5_000;

export const subscriptions = ({
  bus,
  clock,
}: {
  readonly bus: RedisPort;
  readonly clock: Clock;
}): Subscriptions => {
  const entries = new Map<string, Entry>();
  const unsure = new Set<string>();
  const calls = new Subscription();
  let ready = false;
  let failures = 0;
  let due: Subscription | undefined;

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
    const answer$ = state === 'Subscribing' ? bus.subscribe(channels) : bus.unsubscribe(channels);
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
      // whether a failed UNSUBSCRIBE was done is not known: a SUBSCRIBE too many changes nothing, one too few is silence
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
    // whoever still wants what is refused for good asks again: an ACL may change
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
    accept: (event) => {
      switch (event._tag) {
        case 'Message': {
          const entry = entries.get(event.channel);
          if (entry !== undefined) for (const sink of entry.sinks) sink.message(event.payload);
          return;
        }
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
