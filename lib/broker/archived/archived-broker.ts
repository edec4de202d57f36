/**
 * A broker that archives each message of the log before it acknowledges it: chat, notification, and `system`
 * of a program (docs/architecture.md, section Archive).
 *
 *   publish ─▶ the archive refuses? ── yes ─▶ unavailable; the broker is not asked
 *                │ no
 *                ▼
 *              broker ─▶ all members have the message
 *                ▼
 *              store (storing.ts) ─┬─ stored ─▶ receipt, in the order of the calls (answer-order.ts)
 *                                  └─ not in time ─▶ unavailable; `unstored.ts` keeps the message
 *
 * A message that would reach the members on this pod only has no offset, so it could not be archived: it is
 * refused (`clusterOnly`). Presence is not archived, and reaches them.
 *
 * Source: it subscribes to the publishes, which go on when the caller has gone, and ends them with `close`.
 */
import { type Either, isLeft, left } from 'fp-ts/lib/Either.js';
import {
  concat,
  defer,
  filter,
  map,
  merge,
  NEVER,
  Observable,
  of,
  ReplaySubject,
  Subscription,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';
import type { Clock } from '../../clock.js';
import { archivedLog } from '../../history/archive/archived-log.js';
import type { Archive } from '../../history/archive/port.js';
import type { Draft } from '../../protocol/publication.js';
import type { Broker, BrokerStatus, PublishError, Receipt } from '../index.js';
import { answerOrder } from './answer-order.js';
import { stored } from './storing.js';
import { unstoredMessages } from './unstored.js';

export interface ArchivedBrokerDeps {
  /** Closed with the archived one. */
  readonly broker: Broker;
  /** Closed after the broker. */
  readonly archive: Archive;
  readonly clock: Clock;
  /** How long a publish waits for the archive. */
  readonly timeoutMs: number;
}

type Result = Either<PublishError, Receipt>;

/** How long the pod is `Starting`, and publishes wait, until the archive has answered for the first time. */
const START_MS = 3_000;

const unavailable = (detail: string): Result => left({ _tag: 'Unavailable', detail });
const REFUSED = unavailable(
  'the archive takes no messages now, so this one was not sent; send it again with the same id or key',
);
const UNSURE = unavailable(
  'the archive did not take the message in time; members may have it; send it again with the same id or key',
);
const POD_ONLY = unavailable(
  'the broker did not take the message for all pods, so it is not archived; members on this pod may have it',
);
const CLOSED = unavailable(
  'the server is shutting down; send the message again, another pod takes it',
);

export const archivedBroker = ({
  broker,
  archive,
  clock,
  timeoutMs,
}: ArchivedBrokerDeps): Broker => {
  const order = answerOrder<Result>();
  const running = new Subscription();
  const closed$ = new ReplaySubject<void>(1);
  const unstored = unstoredMessages({ archive, clock, closed$ });
  /** Emits when the archive has answered, or did not in time. */
  const started$ = new ReplaySubject<void>(1);
  const start$ = merge(
    archive.event$.pipe(filter(({ _tag }) => _tag === 'Restored')),
    timer(START_MS, clock.scheduler),
    closed$,
  ).pipe(
    take(1),
    map(() => undefined),
  );
  running.add(start$.subscribe(started$));
  /** Until then the pod is `Starting`. */
  const starting$ = concat(of<BrokerStatus>({ _tag: 'Starting' }), NEVER).pipe(takeUntil(started$));

  const afterReceipt =
    (draft: Draft) =>
    (result: Result): Observable<Result> => {
      if (isLeft(result)) return of(result);
      // a broker of the program's own may not know `clusterOnly`
      if (result.right.scope === 'pod') return of(POD_ONLY);
      return stored({ log: broker.log, archive, clock, timeoutMs }, draft, result.right).pipe(
        map((answer) => {
          if (!isLeft(answer)) return result;
          unstored.keep(draft.room, answer.left.publication);
          return UNSURE;
        }),
      );
    };

  const published = (draft: Draft): Observable<Result> =>
    defer(() => {
      if (archive.refusal() !== undefined) return of(REFUSED);
      return broker.publish(clusterOnly(draft)).pipe(switchMap(afterReceipt(draft)));
    });

  const publish = (draft: Draft): Observable<Result> =>
    new Observable((out) => {
      const answer = order.slot(draft.room, (result) => {
        out.next(result);
        out.complete();
      });
      const result$ = draft.logged
        ? started$.pipe(switchMap(() => published(draft)))
        : broker.publish(draft);
      // a caller that has gone does not keep the message from being stored
      running.add(
        concat(result$.pipe(takeUntil(closed$)), of(CLOSED))
          .pipe(take(1))
          .subscribe(answer),
      );
    });

  // an answer at once would overtake those that wait for the archive
  const { publishNow: _, ...rest } = broker;
  return {
    ...rest,
    archive,
    publish,
    missedHere: (room, resume) => {
      const missed = broker.missedHere?.(room, resume);
      return missed?.isArchived === true ? undefined : missed;
    },
    log: archivedLog({
      log: broker.log,
      archive,
      clock: { wall: () => broker.clockMs() ?? clock.wall() },
    }),
    status$: concat(starting$, broker.status$),
    waiting: order.size,
    unstored: unstored.size,
    close: () =>
      concat(
        broker.close(),
        defer(() => archive.close()),
        defer(() => {
          closed$.next();
          running.unsubscribe();
          return of(undefined);
        }),
      ),
  };
};

/** Written out: a spread takes 2 µs. */
const clusterOnly = ({ room, type, rest, logged, key, digest, except }: Draft): Draft => ({
  room,
  type,
  rest,
  logged,
  key,
  digest,
  except,
  clusterOnly: true,
});
