/**
 * The port of the cluster broker to the exchange: a worker's side. The link neither loses nor reorders, and
 * breaks only when one of the two processes ends, and then the worker ends too. So the port is ready from the
 * start, and a call that was sent has run, or will run. When a publish is sent again because no answer came
 * in time, it waits for the answer to the first try: so nothing is published twice. When that answer is
 * `Late`, the first try did nothing, and the exchange is asked again.
 *
 * Source: it makes a stream of what comes on the link.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import {
  defer,
  EMPTY,
  map,
  merge,
  Observable,
  of,
  ReplaySubject,
  type Subscriber,
  Subscription,
  switchMap,
  takeUntil,
  tap,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import { NO_LOG, type Page, pageOf } from '../../history/page.js';
import type { LogPosition } from '../../protocol/position.js';
import {
  type Outcome,
  podChannel,
  type RedisError,
  type RedisEvent,
  type RedisPort,
  type RedisReply,
} from '../redis/port.js';
import { ByteWriter } from './byte-writer.js';
import { readAnswered, writeAsked } from './frame-codec.js';
import type { Reply, Request } from './frames.js';
import type { Link } from './link.js';

export interface ExchangePort extends RedisPort {
  /** Bytes of requests that wait to be written to the link. */
  readonly unsentBytes: () => number;
}

export interface ExchangePortOptions {
  readonly link: Link;
  readonly clock: Clock;
  /** The name of this worker. */
  readonly serverId: string;
}

/** A publish whose answer may still be asked for again. */
interface Publishing {
  readonly reply$: ReplaySubject<Either<RedisError, readonly Outcome[]>>;
  /** Of the clock's scheduler. */
  readonly sentAt: number;
}

/** Nobody asks for the answer of a publish after this time. */
const ASKED_AGAIN_MS = 60_000;

/** As much as the exchange keeps for a worker that stands still (`workers/forked-worker.ts`). */
const MAX_UNSENT_BYTES = 67_108_864;

const ENDED: RedisError = { _tag: 'Unreachable', detail: 'the worker is closing' };

export const exchangePort = ({ link, clock, serverId }: ExchangePortOptions): ExchangePort => {
  const { scheduler } = clock;
  const waiting = new Map<number, Subscriber<Reply>>();
  const publishings = new Map<string, Publishing>();
  const closed$ = new ReplaySubject<void>(1);
  /** The requests of this turn. */
  const writer = new ByteWriter();
  let calls = 0;
  /** Publishes that are under way. */
  const life = new Subscription();
  let isClosed = false;

  const unsentBytes = (): number => link.unsentBytes() + writer.length;
  const flush = (): void => link.send(writer.take());

  const ask = (request: Request): Observable<Reply> =>
    new Observable((subscriber) => {
      calls += 1;
      const call = calls;
      waiting.set(call, subscriber);
      // what one turn of the event loop asks is one write
      if (writer.length === 0) clock.turn(flush);
      writeAsked(writer, { call, request });
      return () => waiting.delete(call);
    });

  /** `read` returns undefined for a reply of another kind. */
  const asking = <A>(
    request: Request,
    read: (reply: Reply) => Either<RedisError, A> | undefined,
  ): RedisReply<A> =>
    defer(() => {
      if (isClosed) return of(left(ENDED));
      if (unsentBytes() > MAX_UNSENT_BYTES) return of(left(FULL));
      return ask(request).pipe(map((reply) => read(reply) ?? left(ODD)));
    });

  const take = (frame: Buffer, emit: (event: RedisEvent) => void): void => {
    for (const event of readAnswered(frame) ?? []) {
      if (event._tag !== 'Answer') emit(event);
      else {
        const subscriber = waiting.get(event.call);
        subscriber?.next(event.reply);
        subscriber?.complete();
      }
    }
  };

  const received$ = new Observable<RedisEvent>((subscriber) =>
    link.frame$.subscribe((frame) => take(frame, (event) => subscriber.next(event))),
  );
  const event$ = merge(of<RedisEvent>({ _tag: 'Ready' }), received$).pipe(takeUntil(closed$));

  const forgetOld = (): void => {
    const oldest = scheduler.now() - ASKED_AGAIN_MS;
    for (const [id, { sentAt }] of publishings) {
      if (sentAt > oldest) return;
      publishings.delete(id);
    }
  };

  const publishing = (id: string, request: Request): Publishing['reply$'] => {
    const reply$: Publishing['reply$'] = new ReplaySubject(1);
    forgetOld();
    publishings.delete(id);
    publishings.set(id, { reply$, sentAt: scheduler.now() });
    life.add(asking(request, outcomesIn).subscribe(reply$));
    return reply$;
  };

  return {
    event$,
    subscribeCommand: 'subscribe',
    subscribe: (channels) => asking({ _tag: 'Subscribe', channels: [...channels] }, doneIn),
    unsubscribe: (channels) => asking({ _tag: 'Unsubscribe', channels: [...channels] }, doneIn),
    publish: (room, drafts, nonces, tag, deadline, call) => {
      const request: Request = { _tag: 'Publish', room, drafts, nonces, tag, deadline };
      if (call === undefined) return asking(request, outcomesIn);
      const { id, again } = call;
      return defer(() => {
        const first = again === undefined ? undefined : publishings.get(id);
        const reply$ =
          first === undefined
            ? publishing(id, request)
            : first.reply$.pipe(
                switchMap((reply) =>
                  isLeft(reply) && reply.left._tag === 'Late' ? publishing(id, request) : of(reply),
                ),
              );
        // the caller gets an answer and does not ask again, except after `Late`: then the publish did not run
        return reply$.pipe(tap(() => publishings.delete(id)));
      });
    },
    position: (room) => asking({ _tag: 'Position', room }, positionIn),
    top: (room, tag) => asking({ _tag: 'Top', room, tag }, topIn),
    page: (room, from, most, tag, known) =>
      asking({ _tag: 'Page', room, from, most, tag, known }, (reply) => pageIn(reply, from)),
    peek: (room, from, most) =>
      asking({ _tag: 'Peek', room, from, most }, (reply) => pageIn(reply, from)),
    renew: (room, old, tag) => asking({ _tag: 'Renew', room, old, tag }, topIn),
    members: (room, own) => asking({ _tag: 'Members', room, own }, numberIn),
    probe: (text) => asking({ _tag: 'Probe', channel: podChannel(serverId), text }, numberIn),
    lease: () =>
      asking({ _tag: 'Lease' }, (reply) =>
        reply._tag === 'Names' ? right(reply.names) : undefined,
      ),
    control: (text, kept) => asking({ _tag: 'Control', text, kept: kept && { ...kept } }, doneIn),
    recall: (ms) =>
      asking({ _tag: 'Recall', ms }, (reply) =>
        reply._tag === 'Recalled' ? right(reply.recalled) : undefined,
      ),
    unsentBytes,
    // there is one link for the life of the process: nothing to open anew
    reconnect: () => undefined,
    close: () =>
      defer(() => {
        isClosed = true;
        life.unsubscribe();
        closed$.next();
        return EMPTY;
      }),
  };
};

const FULL: RedisError = {
  _tag: 'Unreachable',
  detail: `the process that started the workers has not read ${MAX_UNSENT_BYTES} bytes of requests`,
};
const ODD: RedisError = { _tag: 'Other', detail: 'the exchange gave an answer of another kind' };

const doneIn = ({ _tag }: Reply): Either<RedisError, void> | undefined =>
  _tag === 'Done' ? right(undefined) : undefined;

const outcomesIn = (reply: Reply): Either<RedisError, readonly Outcome[]> | undefined => {
  if (reply._tag === 'Late')
    return left({ _tag: 'Late', detail: 'the publish reached the exchange after its deadline' });
  return reply._tag === 'Outcomes' ? right(reply.outcomes) : undefined;
};

const positionIn = (reply: Reply): Either<RedisError, LogPosition | undefined> | undefined =>
  reply._tag === 'Position' ? right(reply.position) : undefined;

const topIn = (reply: Reply): Either<RedisError, LogPosition> | undefined =>
  reply._tag === 'Position' && reply.position !== undefined ? right(reply.position) : undefined;

const numberIn = (reply: Reply): Either<RedisError, number> | undefined =>
  reply._tag === 'Number' ? right(reply.value) : undefined;

const pageIn = (reply: Reply, from: number): Either<RedisError, Page> | undefined => {
  if (reply._tag !== 'Page') return undefined;
  const { top, first, frames, ...times } = reply.page;
  return right(top.tag === 0 ? NO_LOG : pageOf(top, first, from, frames, times));
};
