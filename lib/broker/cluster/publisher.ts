/**
 * Publishes, room by room in order. At most one call of a room is under way; later messages wait in the
 * room's queue. So in a busy room one call has many messages, and a quiet room waits for nothing.
 *
 *   draft ─▶ the room's queue ─▶ one call of Redis ─▶ scope cluster
 *                    └─ no answer in time, or an outage ─▶ this pod's members: scope pod
 *
 * `room-queue.ts` decides, `queue-runner.ts` performs. This file bounds what waits in all rooms.
 */
import { Observable } from 'rxjs';
import type { Draft, Publication } from '../../protocol/publication.js';
import type { MessageId, Room } from '../../protocol/position.js';
import { receive } from './publish-call.js';
import { CLOSED, FULL, type PublishResult } from './publish-result.js';
import {
  closeQueue,
  newQueue,
  queueRunner,
  type QueueRunnerDeps,
  type RunningQueue,
} from './queue-runner.js';
import type { Input } from './room-queue.js';

export interface Publisher {
  readonly publish: (draft: Draft) => Observable<PublishResult>;
  /** This message came on the room's channel: if an open call sent it, the call has run. */
  received(room: Room, publication: Publication): void;
  /** Whether an open call of the room may have sent this message. */
  isUnderWay(room: Room, id: MessageId): boolean;
  /** The probe of this number returned. */
  probed(number: number): void;
  /** A probe was answered: whether calls can be sent may have changed. */
  answered(): void;
  /** `route` has changed. */
  routeChanged(): void;
  /** Rooms with messages that wait, with a call under way, or in Fallback. */
  size(): number;
  /** Messages that have no answer yet. */
  waiting(): number;
  /** Answers `Unavailable` to all that have no answer yet. */
  close(): void;
}

/**
 * How many messages may wait for an answer, in all rooms: a second of a busy pod. A socket has at most 64 of
 * them (`connection/pace.ts`). Programs have no bound of their own.
 */
const MAX_WAITING = 32_768;
const MAX_LENGTH = 67_108_864;

export const publisher = (deps: QueueRunnerDeps): Publisher => {
  const { clock, timeoutMs } = deps;
  const queues = new Map<Room, RunningQueue>();
  let count = 0;
  let length = 0;
  let closed = false;

  const runner = queueRunner(deps, (queue) => {
    // while the answers were handled, another queue of the room may have begun
    if (queues.get(queue.room) === queue) queues.delete(queue.room);
  });

  const queueOf = (room: Room): RunningQueue => {
    const known = queues.get(room);
    if (known !== undefined) return known;
    const queue = newQueue(room);
    queues.set(room, queue);
    return queue;
  };

  const toAll = (input: Input): void => {
    for (const queue of [...queues.values()]) runner.accept(queue, input);
  };

  return {
    publish: (draft) =>
      new Observable((out) => {
        const size = draft.rest.length;
        // when one is refused, so are those after it, as they may not come before it
        if (closed || count >= MAX_WAITING || length >= MAX_LENGTH) {
          out.next(closed ? CLOSED : FULL);
          return out.complete();
        }
        count += 1;
        length += size;
        const answer = (result: PublishResult): void => {
          count -= 1;
          length -= size;
          out.next(result);
          out.complete();
        };
        const queue = queueOf(draft.room);
        queue.waiting.push({ draft, until: clock.scheduler.now() + timeoutMs, answer });
        runner.flush(queue);
      }),
    received: (room, publication) => {
      const call = queues.get(room)?.call;
      if (call !== undefined) receive(call, publication);
    },
    isUnderWay: (room, { nonce, outside }) =>
      !outside && queues.get(room)?.call?.nonces.includes(nonce) === true,
    probed: (number) => toAll({ _tag: 'ProbeReturned', number }),
    answered: () => toAll({ _tag: 'ProbeAnswered' }),
    routeChanged: () => toAll({ _tag: 'RouteChanged' }),
    size: () => queues.size,
    waiting: () => count,
    close: () => {
      closed = true;
      const all = [...queues.values()];
      queues.clear();
      for (const queue of all) for (const { answer } of closeQueue(queue)) answer(CLOSED);
    },
  };
};
