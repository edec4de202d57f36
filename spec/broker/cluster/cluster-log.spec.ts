/**
 * The logs of rooms for readers: a page within the time limit, or an error that shows whether it passes by
 * itself.
 */
import { left as leftOf, right as rightOf } from 'fp-ts/lib/Either.js';
import { NEVER, of } from 'rxjs';
import t from 'tap';
import { clusterLog } from '../../../lib/broker/cluster/cluster-log.js';
import type { RedisError, RedisPort, RedisReply } from '../../../lib/broker/redis/port.js';
import { NO_LOG, type Page } from '../../../lib/history/page.js';
import { topAt } from '../../support/channel-world.js';
import { virtualClock } from '../../support/virtual-clock.js';

const PAGE: Page = { top: topAt(1, 3), first: 1, entries: [] };

const world = (reply$: RedisReply<Page> = of(rightOf(PAGE)), isOpen = true) => {
  const clock = virtualClock();
  const asked: unknown[] = [];
  const redis = {
    page: (...args: readonly unknown[]) => {
      asked.push(['page', ...args]);
      return reply$;
    },
    peek: (...args: readonly unknown[]) => {
      asked.push(['peek', ...args]);
      return of(rightOf(NO_LOG));
    },
  } as unknown as RedisPort;
  const answers: unknown[] = [];
  clusterLog(redis, clock, 2_000, () => isOpen)
    .page('r', 5, 10)
    .subscribe((answer) => answers.push(answer));
  return { clock, asked, answers };
};

t.test('when the pod has a channel of the room, then a lost epoch is made anew', async (t) => {
  const { asked, answers } = world();
  t.match(asked, [['page', 'r', 5, 10, Number]]);
  t.same(answers, [rightOf(PAGE)]);
});

t.test('when no member on this pod is in the room, then the read makes no epoch', async (t) => {
  const { asked, answers } = world(undefined, false);
  t.same(asked, [['peek', 'r', 5, 10]]);
  t.same(answers, [rightOf(NO_LOG)]);
});

t.test('when Redis does not answer in time, then the log is unreachable', async (t) => {
  const { clock, answers } = world(NEVER);
  clock.advance(1_999);
  t.same(answers, []);
  clock.advance(1);
  t.match(answers, [{ left: { _tag: 'Unreachable', detail: 'no answer within 2000 ms' } }]);
  t.equal(clock.pending(), 0);
});

t.test('when an error passes by itself, then it is not reported to the operator', async (t) => {
  const tagOf = (_tag: RedisError['_tag']): unknown => {
    const { answers } = world(of(leftOf({ _tag, detail: 'no' })));
    return (answers[0] as { readonly left: { readonly _tag: string } }).left._tag;
  };
  for (const tag of ['Unreachable', 'Loading', 'Busy', 'ReadOnly', 'Late', 'Refused'] as const)
    t.equal(tagOf(tag), 'Unreachable', tag);
  for (const tag of ['WrongType', 'NoPermission', 'OutOfMemory', 'Other'] as const)
    t.equal(tagOf(tag), 'Unreadable', tag);
});
