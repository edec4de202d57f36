/**
 * Publishes, room by room in order: at most one call of a room is under way, and it takes up to 64 of those that wait, so
 * a busy room makes its own batches and an idle one waits for nothing.
 *
 *   draft ─▶ the room's line ─▶ one call ─▶ placed: scope cluster
 *                 │  ▲             │  ▲
 *                 │  │ no          │  └ the connection broke: once there is one, the same call is asked for again
 *                 │  │ connection  └─ refused, or late ─▶ this pod's members: scope pod, the room is pinned to the pod
 *                 │  └ waits
 *                 └─ pinned, or the outage is told ─────▶ this pod's members: scope pod
 *
 * A connection that broke is no failure: what waits has `timeoutMs` from when it was accepted, and so has the call that was
 * under way. It may have run, so it is asked for with the same nonces, and what ran is answered as it was.
 *
 * A pinned room has no call under way: so nothing overtakes what fell back. It goes back to Redis when a probe that was
 * sent after the failure has come round, or when the outage ends.
 */
import { isRight, left, right, type Either } from 'fp-ts/lib/Either.js';
import { Observable, Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import { type Draft, type Publication, publicationOf, bodyOf } from '../../protocol/publication.js';
import {
  drawNonce,
  drawTag,
  type MessageId,
  nextNonce,
  type Room,
} from '../../protocol/position.js';
import { type Again, type RedisPort, type RedisError, type Outcome } from '../redis/port.js';
import type { FallbackDedup } from './fallback-dedup.js';
import type { PublishError, Receipt } from '../index.js';
import { backoffMs } from '../../rx/backoff.js';
import { sent, step, type Tries, UNTRIED } from './call-tries.js';
import type { HealthProbe } from './health-probe.js';
import type { FallbackKeys } from './fallback-keys.js';

type Result = Either<PublishError, Receipt>;

export interface PublisherDeps {
  readonly bus: RedisPort;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly probe: HealthProbe;
  readonly dedup: FallbackDedup;
  readonly keys: FallbackKeys;
  /** Where publishes go by what the probe says: `wait` until it has said anything. */
  readonly route: () => 'cluster' | 'pod' | 'wait';
  /** Whether the bus is connected. */
  readonly ready: () => boolean;
  /** An id outside the log, at the place that the room has reached here and with its time. */
  readonly idOutside: (room: Room, nonce: number) => MessageId;
  /** Says a message to this pod's members of its room. */
  readonly deliver: (room: Room, publication: Publication) => void;
  /** The log has messages that nobody may have been told. */
  readonly recheck: (room: Room) => void;
  readonly failed: (error: RedisError, messages: number) => void;
  /** The script placed these. None: the call is over, whatever became of it. */
  readonly placed: (room: Room, ids: readonly string[]) => void;
}

export interface Publisher {
  publish(draft: Draft): Observable<Result>;
  /** A room's channel said this: a publish under way that is heard has its place, whatever becomes of the answer. */
  received(room: Room, publication: Publication): void;
  /** Whether a call of the room is under way that may have said this. */
  isUnderWay(room: Room, id: MessageId): boolean;
  /** The probe of this number came round. */
  probed(number: number): void;
  /** A probe was answered: whether publishes can be sent may have changed. */
  answered(): void;
  /** `way` has changed. */
  routeChanged(): void;
  /** Rooms with something under way, or pinned. */
  size(): number;
  /** Messages that have no answer yet. */
  waiting(): number;
  /** Answers `Unavailable` to all that have no answer yet. */
  close(): void;
}

interface Waiting {
  readonly draft: Draft;
  /** By the scheduler; its room's order comes first, so it may be later. */
  readonly until: number;
  readonly answer: (result: Result) => void;
}

/** One call of a room, however often it is asked for. */
interface Call {
  readonly id: string;
  readonly batch: readonly Waiting[];
  readonly nonces: readonly number[];
  readonly tag: number;
  readonly until: number;
  /** The ids under which messages of the batch were heard before the answer came. */
  readonly received: Map<number, string>;
  /** Its end, and the try under way or the wait before the next. */
  readonly end: Subscription;
  attempt: Subscription;
  isAsking: boolean;
  /** Set when it is sent first. */
  first: Again | undefined;
  tries: Tries;
}

interface RoomQueue {
  readonly room: Room;
  readonly waiting: Waiting[];
  call: Call | undefined;
  /** The last probe sent before the room was pinned. */
  fallbackSince: number | undefined;
  /** Answers are being given; what they cause waits its turn. */
  busy: boolean;
  /** There was no connection since the last answer; then nobody waits longer than `timeoutMs`. */
  isStopped: boolean;
  due: Subscription | undefined;
}

const MAX_BATCH = 64;
/** What has no answer yet, in all rooms: a second of a busy pod. HTTP and programs wait for no answer before the next. */
const MAX_WAITING = 32_768;
const MAX_LENGTH = 67_108_864;
/** A line that was only busy is no outage, nor is a loop that stalled: a call has this part of the timeout at least. */
const LEAST = 0.25;
/** Redis's clock may have been set back by so much between the probe and the call. */
const SLACK_MS = 1_000;

export const publisher = (deps: PublisherDeps): Publisher => {
  const { bus, clock, probe, keys, dedup, timeoutMs } = deps;
  const { scheduler, random } = clock;
  const queues = new Map<Room, RoomQueue>();
  /** Lines whose head waits for a connection, or whose call does. */
  const stopped = new Set<RoomQueue>();
  const life = `c${Math.floor(random() * 0x100_0000_0000).toString(36)}-`;
  let calls = 0;
  let last = drawNonce(random);
  let count = 0;
  let length = 0;
  let closed = false;

  /** In a row, as an outage gives many messages one place: drawn, two of a thousand would bear one id. */
  const nonceOf = (): number => {
    last = nextNonce(last);
    return last;
  };

  const queueOf = (room: Room): RoomQueue => {
    const known = queues.get(room);
    if (known !== undefined) return known;
    const line: RoomQueue = {
      room,
      waiting: [],
      call: undefined,
      fallbackSince: undefined,
      busy: false,
      isStopped: false,
      due: undefined,
    };
    queues.set(room, line);
    return line;
  };

  const flush = (line: RoomQueue): void => {
    if (line.busy) return;
    line.busy = true;
    while (line.call === undefined) {
      const [head] = line.waiting;
      if (head === undefined) break;
      const known = keys.find(head.draft);
      if (known !== undefined) {
        line.waiting.shift();
        head.answer(known);
        continue;
      }
      const way = line.fallbackSince === undefined ? deps.route() : 'pod';
      if (way === 'wait') break;
      if (way === 'pod') {
        line.waiting.shift();
        fallBack(head, nonceOf(), false);
        continue;
      }
      if (canAsk()) send(line);
      else if (!stop(line, head)) break;
    }
    line.busy = false;
    if (line.waiting.length > 0 || line.call !== undefined) return;
    start(line);
    line.isStopped = false;
    if (line.fallbackSince === undefined) queues.delete(line.room);
  };

  const canAsk = (): boolean => deps.ready() && probe.ahead() !== undefined;

  /** Nothing can be sent now. True: nothing will be, and the line is pinned. */
  const stop = (line: RoomQueue, { until }: Waiting): boolean => {
    const refusal = deps.ready() ? probe.refusal() : undefined;
    const leftMs = until - scheduler.now();
    if (refusal !== undefined || leftMs <= 0) {
      pin(line, refusal ?? NO_CONNECTION, 1);
      return true;
    }
    line.isStopped = true;
    stopped.add(line);
    // after a stalled loop a connection that is there is seen first
    line.due ??= scheduler.schedule(() => {
      line.due = clock.turn(() => {
        line.due = undefined;
        flush(line);
      });
    }, leftMs);
    return false;
  };

  const start = (line: RoomQueue): void => {
    stopped.delete(line);
    line.due?.unsubscribe();
    line.due = undefined;
  };

  const send = (line: RoomQueue): void => {
    start(line);
    const known = line.waiting.findIndex(({ draft }) => keys.find(draft) !== undefined);
    const batch = line.waiting.splice(0, known === -1 ? MAX_BATCH : Math.min(known, MAX_BATCH));
    const now = scheduler.now();
    const accepted = batch[0]?.until ?? now;
    calls += 1;
    const call: Call = {
      id: life + calls.toString(36),
      batch,
      nonces: batch.map(nonceOf),
      tag: drawTag(random),
      until: line.isStopped ? accepted : Math.max(accepted, now + LEAST * timeoutMs),
      received: new Map(),
      end: new Subscription(),
      attempt: Subscription.EMPTY,
      isAsking: false,
      first: undefined,
      tries: UNTRIED,
    };
    line.call = call;
    // after a stalled loop the answers that are there are read first
    call.end.add(
      scheduler.schedule(() => {
        call.end.add(clock.turn(() => giveUp(line, call, TOO_LONG(timeoutMs))));
      }, call.until - now),
    );
    ask(line, call);
  };

  /** Now, or when there is a connection. */
  const ask = (line: RoomQueue, call: Call): void => {
    const ahead = probe.ahead();
    if (!deps.ready() || ahead === undefined) {
      const refusal = deps.ready() ? probe.refusal() : undefined;
      if (refusal !== undefined) return giveUp(line, call, refusal);
      line.isStopped = true;
      stopped.add(line);
      return;
    }
    stopped.delete(line);
    const { id, batch, nonces, tag, until } = call;
    const { isUnsure } = call.tries;
    if (call.first === undefined) {
      const at = deps.idOutside(line.room, 0);
      const sinceMs = Math.floor(scheduler.now() + ahead) - SLACK_MS;
      call.first = { sinceMs, tag: at.tag, offset: at.offset };
    }
    const deadline = Math.floor(until + ahead);
    const drafts = batch.map(({ draft }) => draft);
    call.tries = sent(call.tries);
    call.isAsking = true;
    const attempt = new Subscription();
    call.attempt = attempt;
    attempt.add(
      bus
        .publish(
          line.room,
          drafts,
          nonces,
          tag,
          deadline,
          isUnsure ? { id, again: call.first } : { id },
        )
        .subscribe((answer) => {
          if (isRight(answer)) deps.placed(line.room, answer.right.flatMap(placedId));
          if (line.call !== call) return;
          call.isAsking = false;
          if (isRight(answer)) settle(line, call, answer.right);
          else refused(line, call, answer.left);
        }),
    );
  };

  const settle = (line: RoomQueue, call: Call, outcomes: readonly Outcome[]): void => {
    line.isStopped = false;
    finish(line, call, () => {
      call.batch.forEach((waiting, i) => waiting.answer(resultOf(outcomes[i])));
    });
    // it may have been written and not said
    if (call.tries.isUnsure) deps.recheck(line.room);
  };

  const refused = (line: RoomQueue, call: Call, error: RedisError): void => {
    const [tries, next] = step(call.tries, error);
    call.tries = tries;
    switch (next) {
      case 'GiveUp':
        return giveUp(line, call, error);
      case 'Ask':
        return ask(line, call);
      case 'AskAfterProbe':
        call.attempt = probe.send$.subscribe(() => ask(line, call));
        return;
      case 'AskLater':
        if (call.received.size === call.batch.length)
          return settle(
            line,
            call,
            call.batch.map((_, i) => placed(call.received.get(i) ?? '')),
          );
        call.attempt = scheduler.schedule(
          () => ask(line, call),
          RETRY * backoffMs(tries.count - 1, random),
        );
    }
  };

  const giveUp = (line: RoomQueue, call: Call, error: RedisError): void => {
    pin(line, error, call.batch.length);
    const { batch, nonces, received: received } = call;
    const isUnsure = call.tries.isUnsure || call.isAsking;
    finish(line, call, () => {
      batch.forEach((waiting, i) => {
        const id = received.get(i);
        if (id === undefined) fallBack(waiting, nonces[i] ?? nonceOf(), isUnsure);
        else waiting.answer(right({ id, duplicate: false, scope: 'cluster' }));
      });
    });
  };

  const pin = (line: RoomQueue, error: RedisError, messages: number): void => {
    line.fallbackSince = probe.last();
    deps.failed(error, messages);
  };

  const finish = (line: RoomQueue, call: Call, answer: () => void): void => {
    call.end.unsubscribe();
    call.attempt.unsubscribe();
    stopped.delete(line);
    const { busy } = line;
    line.busy = true;
    answer();
    line.call = undefined;
    deps.placed(line.room, []);
    line.busy = busy;
    flush(line);
  };

  const fallBack = ({ draft, answer }: Waiting, nonce: number, isUnsure: boolean): void => {
    const known = keys.find(draft);
    if (known !== undefined) return answer(known);
    const { room, rest } = draft;
    const publication = publicationOf(draft, deps.idOutside(room, nonce));
    if (isUnsure) dedup.remember(room, nonce, rest, publication.idText);
    keys.remember(draft, publication.idText);
    deps.deliver(room, publication);
    answer(right({ id: publication.idText, duplicate: false, scope: 'pod' }));
  };

  return {
    publish: (draft) =>
      new Observable((out) => {
        const size = draft.rest.length;
        if (closed || count >= MAX_WAITING || length + size > MAX_LENGTH) {
          out.next(closed ? CLOSED : FULL);
          return out.complete();
        }
        count += 1;
        length += size;
        const answer = (result: Result): void => {
          count -= 1;
          length -= size;
          out.next(result);
          out.complete();
        };
        const line = queueOf(draft.room);
        line.waiting.push({ draft, until: scheduler.now() + timeoutMs, answer });
        flush(line);
      }),
    received: (room, { id, idText, payload }) => {
      const call = queues.get(room)?.call;
      if (call === undefined || id.outside) return;
      const i = call.nonces.indexOf(id.nonce);
      if (i !== -1 && bodyOf(payload) === call.batch[i]?.draft.rest) call.received.set(i, idText);
    },
    isUnderWay: (room, { nonce, outside }) =>
      !outside && queues.get(room)?.call?.nonces.includes(nonce) === true,
    probed: (number) => {
      if (deps.route() !== 'cluster') return;
      for (const line of [...queues.values()]) {
        if (line.fallbackSince === undefined || number <= line.fallbackSince) continue;
        line.fallbackSince = undefined;
        flush(line);
      }
    },
    answered: () => {
      for (const line of [...stopped]) {
        if (line.call === undefined) flush(line);
        else ask(line, line.call);
      }
    },
    routeChanged: () => {
      const back = deps.route() === 'cluster';
      for (const line of [...queues.values()]) {
        if (back) line.fallbackSince = undefined;
        flush(line);
      }
    },
    size: () => queues.size,
    waiting: () => count,
    close: () => {
      closed = true;
      const all = [...queues.values()];
      queues.clear();
      stopped.clear();
      for (const { call, waiting, due } of all) {
        due?.unsubscribe();
        call?.end.unsubscribe();
        call?.attempt.unsubscribe();
        for (const { answer } of [...(call?.batch ?? []), ...waiting]) answer(CLOSED);
      }
    },
  };
};

const placed = (id: string): Outcome => ({ _tag: 'Placed', id });

/** A try that broke off waits a tenth of what others wait: it is only so that nothing spins. */
const RETRY = 0.1;
const NO_CONNECTION: RedisError = {
  _tag: 'Unreachable',
  detail: 'there is no connection to Redis',
};
const TOO_LONG = (ms: number): RedisError => ({
  _tag: 'Unreachable',
  detail: `no answer within ${ms} ms`,
});
const CLOSED: Result = left({ _tag: 'Unavailable', detail: 'the broker is closed' });
const FULL: Result = left({
  _tag: 'Unavailable',
  detail: 'too many messages wait for the broker: send this one again later',
});

const placedId = (outcome: Outcome): readonly string[] =>
  outcome._tag === 'Placed' ? [outcome.id] : [];

const resultOf = (outcome: Outcome | undefined): Result => {
  switch (outcome?._tag) {
    case 'Placed':
      return right({ id: outcome.id, duplicate: false, scope: 'cluster' });
    case 'Duplicate':
      return right({ id: outcome.id, duplicate: true, scope: 'cluster' });
    case 'KeyReused':
      return left({ _tag: 'KeyReused' });
    case undefined:
      return left({
        _tag: 'Unavailable',
        detail: 'expected an outcome for each message, got fewer',
      });
  }
};
