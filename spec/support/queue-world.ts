/** The publish queue of one room in virtual time, with a Redis whose answers the spec gives. */
import { type Either, isRight, right as rightOf } from 'fp-ts/lib/Either.js';
import { NEVER, Subject } from 'rxjs';
import { fallbackDedup } from '../../lib/broker/cluster/fallback-dedup.js';
import { fallbackKeys } from '../../lib/broker/cluster/fallback-keys.js';
import { receive } from '../../lib/broker/cluster/publish-call.js';
import { newQueue, queueRunner } from '../../lib/broker/cluster/queue-runner.js';
import type { Outcome, RedisError, RedisPort } from '../../lib/broker/redis/port.js';
import { publicationOf } from '../../lib/protocol/publication.js';
import { draft, right } from './messages.js';
import { virtualClock } from './virtual-clock.js';

export const TIMEOUT_MS = 2_000;
type Reply = Either<RedisError, readonly Outcome[]>;

export const outcomes = (...ids: readonly string[]): Reply =>
  rightOf(ids.map((id) => ({ _tag: 'Placed', id }) as const));

/** The queue of room `r` on one runner; the spec answers its calls. */
export const queueWorld = () => {
  const clock = virtualClock();
  const replies: Subject<Reply>[] = [];
  const calls: Parameters<RedisPort['publish']>[] = [];
  const self = {
    isReady: true,
    route: 'cluster' as 'cluster' | 'pod' | 'wait',
    log: [] as string[],
  };
  const idOf = (nonce: number, outside: boolean, offset = 9) =>
    ({ tag: 1, offset, ms: 0, global: false, outside, nonce }) as const;
  const runner = queueRunner(
    {
      clock,
      timeoutMs: TIMEOUT_MS,
      dedup: fallbackDedup({ clock }),
      keys: fallbackKeys({ clock }),
      probe: { ahead: () => 0, send$: NEVER, last: () => 0, refusal: () => undefined },
      redis: {
        publish: (...call) => {
          calls.push(call);
          const reply$ = new Subject<Reply>();
          replies.push(reply$);
          return reply$;
        },
      },
      idOutside: (_room, nonce) => idOf(nonce, true),
      deliver: () => self.log.push('delivered on the pod'),
      route: () => self.route,
      ready: () => self.isReady,
      recheck: () => self.log.push('recheck'),
      ackedByPush: (_room, ids) => self.log.push(`acked by push: ${ids.length}`),
      failed: ({ detail }, messages) => self.log.push(`failed: ${messages}, ${detail}`),
      placed: (_room, ids) =>
        self.log.push(ids.length === 0 ? 'call ended' : `placed ${ids.join()}`),
    },
    () => self.log.push('rest'),
  );
  const queue = newQueue('r');
  const answers: string[] = [];
  const publish = (...messages: readonly string[]): void => {
    for (const data of messages)
      queue.waiting.push({
        draft: right(draft({ data })),
        until: clock.scheduler.now() + TIMEOUT_MS,
        answer: (result) =>
          answers.push(`${data} ${isRight(result) ? result.right.scope : result.left._tag}`),
      });
    runner.flush(queue);
  };
  /** A message of the call comes back on the channel of the room. */
  const push = (i: number): void => {
    const { call } = queue;
    const own = call?.batch[i];
    if (call === undefined || own === undefined) throw new Error('expected a call');
    receive(call, publicationOf(own.draft, idOf(call.nonces[i] ?? 0, false, i + 1)));
  };
  return Object.assign(self, { clock, replies, calls, runner, queue, answers, publish, push });
};
