/**
 * Publishes, room by room in order: at most one call of a room is under way, and it takes up to 64 of those that wait, so
 * a busy room makes its own batches and an idle one waits for nothing.
 *
 *   draft ─▶ the room's line ─▶ one call ─▶ placed: scope cluster
 *                 │                └─ failed or late ─▶ this pod's members: scope pod, the room is pinned to the pod
 *                 └─ pinned, or the outage is told ───▶ this pod's members: scope pod
 *
 * A pinned room has no call under way: so nothing overtakes what fell back. It goes back to Redis when a probe that was
 * sent after the failure has come round, or when the outage ends.
 */
import { isLeft, isRight, left, right, type Either } from 'fp-ts/lib/Either.js';
import { defer, mergeMap, Observable, of, Subscription } from 'rxjs';
import type { Clock } from '../clock.js';
import { type Draft, type Publication, publicationOf, restOf } from '../codec.js';
import { drawNonce, drawTag, type Id, nextNonce, type Room } from '../position.js';
import type { Answer, Bus, BusError, Outcome } from './bus.js';
import type { Echoes } from './echoes.js';
import type { PublishError, Receipt } from './index.js';
import { within } from './patience.js';
import type { Probe } from './probe.js';
import type { Receipts } from './receipts.js';

type Result = Either<PublishError, Receipt>;

export interface PublisherDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly probe: Probe;
  readonly echoes: Echoes;
  readonly receipts: Receipts;
  /** Where publishes go by what the probe says: `wait` until it has said anything. */
  readonly way: () => 'cluster' | 'pod' | 'wait';
  /** An id outside the log, at the place that the room has reached here and with its time. */
  readonly idOutside: (room: Room, nonce: number) => Id;
  /** Says a message to this pod's members of its room. */
  readonly deliver: (room: Room, publication: Publication) => void;
  readonly failed: (error: BusError, messages: number) => void;
}

export interface Publisher {
  publish(draft: Draft): Observable<Result>;
  /** A room's channel said this: a publish under way that is heard has its place, whatever becomes of the answer. */
  heard(room: Room, publication: Publication): void;
  /** The probe of this number came round. */
  probed(number: number): void;
  /** `way` has changed. */
  turned(): void;
  /** Rooms with something under way, or pinned. */
  size(): number;
  /** Answers `Unavailable` to all that wait. */
  close(): void;
}

interface Waiting {
  readonly draft: Draft;
  readonly answer: (result: Result) => void;
}

/** One call of a room. */
interface Call {
  readonly subscription: Subscription;
  readonly batch: readonly Waiting[];
  readonly nonces: readonly number[];
  /** The ids under which messages of the batch were heard before the answer came. */
  readonly heard: Map<number, string>;
}

interface Line {
  readonly room: Room;
  readonly waiting: Waiting[];
  call: Call | undefined;
  /** The last probe sent before the room was pinned. */
  pin: number | undefined;
  /** Answers are being given; what they cause waits its turn. */
  busy: boolean;
}

const MAX_BATCH = 64;
const LATE: Either<BusError, never> = left({
  _tag: 'Late',
  detail: 'the clock of Redis is not known',
});

export const publisher = (deps: PublisherDeps): Publisher => {
  const { bus, clock, probe, receipts, echoes, timeoutMs } = deps;
  const { scheduler, random } = clock;
  const lines = new Map<Room, Line>();
  let last = drawNonce(random);
  let closed = false;

  /** In a row, as an outage gives many messages one place: drawn, two of a thousand would bear one id. */
  const nonceOf = (): number => {
    last = nextNonce(last);
    return last;
  };

  const lineOf = (room: Room): Line => {
    const line = lines.get(room) ?? {
      room,
      waiting: [],
      call: undefined,
      pin: undefined,
      busy: false,
    };
    lines.set(room, line);
    return line;
  };

  const pump = (line: Line): void => {
    if (line.busy) return;
    line.busy = true;
    while (line.call === undefined) {
      const [head] = line.waiting;
      if (head === undefined) break;
      const known = receipts.find(head.draft);
      if (known !== undefined) {
        line.waiting.shift();
        head.answer(known);
        continue;
      }
      const way = line.pin === undefined ? deps.way() : 'pod';
      if (way === 'wait') break;
      if (way === 'cluster') send(line);
      else {
        line.waiting.shift();
        fallBack(head, nonceOf(), false);
      }
    }
    line.busy = false;
    if (line.waiting.length === 0 && line.call === undefined && line.pin === undefined)
      lines.delete(line.room);
  };

  const send = (line: Line): void => {
    const known = line.waiting.findIndex(({ draft }) => receipts.find(draft) !== undefined);
    const batch = line.waiting.splice(0, known === -1 ? MAX_BATCH : Math.min(known, MAX_BATCH));
    const nonces = batch.map(nonceOf);
    const call: Call = { subscription: new Subscription(), batch, nonces, heard: new Map() };
    line.call = call;
    call.subscription.add(
      attempt(
        line.room,
        batch.map(({ draft }) => draft),
        nonces,
      ).subscribe((answer) => {
        const { busy } = line;
        line.busy = true;
        if (isRight(answer))
          batch.forEach((waiting, i) => waiting.answer(resultOf(answer.right[i])));
        else giveUp(line, call, answer.left);
        line.call = undefined;
        line.busy = busy;
        pump(line);
      }),
    );
  };

  /** Tries until `timeoutMs` after now; once more when Redis found it late by a clock that we misjudged. */
  const attempt = (
    room: Room,
    drafts: readonly Draft[],
    nonces: readonly number[],
  ): Answer<readonly Outcome[]> => {
    const until = scheduler.now() + timeoutMs;
    const tag = drawTag(random);
    const try$ = defer((): Answer<readonly Outcome[]> => {
      const ahead = probe.ahead();
      return ahead === undefined
        ? of(LATE)
        : bus.publish(room, drafts, nonces, tag, Math.floor(until + ahead));
    });
    return try$.pipe(
      mergeMap((answer) =>
        isLeft(answer) && answer.left._tag === 'Late'
          ? probe.send$.pipe(mergeMap(() => try$))
          : of(answer),
      ),
      within(timeoutMs, scheduler),
    );
  };

  const giveUp = (line: Line, { batch, nonces, heard }: Call, error: BusError): void => {
    line.pin = probe.last();
    deps.failed(error, batch.length);
    const mayHaveRun = error._tag === 'Unreachable';
    batch.forEach((waiting, i) => {
      const id = heard.get(i);
      if (id === undefined) fallBack(waiting, nonces[i] ?? nonceOf(), mayHaveRun);
      else waiting.answer(right({ id, duplicate: false, scope: 'cluster' }));
    });
  };

  const fallBack = ({ draft, answer }: Waiting, nonce: number, mayHaveRun: boolean): void => {
    const known = receipts.find(draft);
    if (known !== undefined) return answer(known);
    const { room, rest } = draft;
    const publication = publicationOf(draft, deps.idOutside(room, nonce));
    if (mayHaveRun) echoes.remember(room, nonce, rest, publication.idText);
    receipts.remember(draft, publication.idText);
    deps.deliver(room, publication);
    answer(right({ id: publication.idText, duplicate: false, scope: 'pod' }));
  };

  return {
    publish: (draft) =>
      new Observable((out) => {
        const answer = (result: Result): void => {
          out.next(result);
          out.complete();
        };
        if (closed) return answer(CLOSED);
        const line = lineOf(draft.room);
        line.waiting.push({ draft, answer });
        pump(line);
      }),
    heard: (room, { id, idText, payload }) => {
      const call = lines.get(room)?.call;
      if (call === undefined || id.outside) return;
      const i = call.nonces.indexOf(id.nonce);
      if (i !== -1 && restOf(payload) === call.batch[i]?.draft.rest) call.heard.set(i, idText);
    },
    probed: (number) => {
      if (deps.way() !== 'cluster') return;
      for (const line of [...lines.values()]) {
        if (line.pin === undefined || number <= line.pin) continue;
        line.pin = undefined;
        pump(line);
      }
    },
    turned: () => {
      const back = deps.way() === 'cluster';
      for (const line of [...lines.values()]) {
        if (back) line.pin = undefined;
        pump(line);
      }
    },
    size: () => lines.size,
    close: () => {
      closed = true;
      for (const { call, waiting } of lines.values()) {
        call?.subscription.unsubscribe();
        for (const { answer } of waiting) answer(CLOSED);
      }
      lines.clear();
    },
  };
};

const CLOSED: Result = left({ _tag: 'Unavailable', detail: 'the broker is closed' });

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
