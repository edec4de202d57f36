import { isRight, left, right } from 'fp-ts/lib/Either.js';
import { of, Subject } from 'rxjs';
import t from 'tap';
import type { Answer, Bus, BusError, Outcome } from '../../lib/broker/bus.js';
import { echoes } from '../../lib/broker/echoes.js';
import { type Publisher, publisher } from '../../lib/broker/publisher.js';
import { receipts } from '../../lib/broker/receipts.js';
import { type Draft, draftOf } from '../../lib/codec.js';
import { modelRedis } from '../support/model-redis.js';
import { virtualClock } from '../support/virtual-clock.js';
import { type AgainKind, asksAgain } from './again-table.js';

const draft = (): Draft => {
  const made = draftOf({ room: 'r', type: 'chat', from: 'alice', data: 'hi', at: 0 });
  if (!isRight(made)) throw new Error(made.left.text);
  return made.right;
};

interface Stub {
  readonly lines: Publisher;
  /** The scopes answered, in order. */
  readonly scopes: string[];
  /** The size of each call, and its deadline. */
  readonly calls: { readonly size: number; readonly deadline: number }[];
  answer$: Answer<readonly Outcome[]>;
  lastProbe: number;
  say(times?: number): void;
}

const stub = (): Stub => {
  const clock = virtualClock();
  const scopes: string[] = [];
  const calls: { readonly size: number; readonly deadline: number }[] = [];
  const self: Stub = {
    lines: publisher({
      bus: {
        publish: (_room, drafts, _nonces, _tag, deadline) => {
          calls.push({ size: drafts.length, deadline });
          return self.answer$;
        },
      } satisfies Pick<Bus, 'publish'> as unknown as Bus,
      clock,
      timeoutMs: 2_000,
      probe: {
        send$: of(right(0)),
        sendNew$: of(right(0)),
        refusal: () => undefined,
        last: () => self.lastProbe,
        read: () => undefined,
        ahead: () => 5_000,
        forget: () => undefined,
      },
      echoes: echoes({ clock }),
      receipts: receipts({ clock }),
      way: () => 'cluster',
      ready: () => true,
      look: () => undefined,
      idOutside: (_room, nonce) => ({
        tag: 1,
        offset: 0,
        ms: 0,
        global: false,
        outside: true,
        nonce,
      }),
      deliver: () => undefined,
      failed: () => undefined,
    }),
    scopes,
    calls,
    answer$: of(refused('OutOfMemory')),
    lastProbe: 5,
    say: (times = 1) => {
      for (let i = 0; i < times; i += 1) {
        self.lines.publish(draft()).subscribe((result) => {
          scopes.push(isRight(result) ? result.right.scope : result.left._tag);
        });
      }
    },
  };
  return self;
};

const refused = (_tag: BusError['_tag']): ReturnType<typeof left<BusError, readonly Outcome[]>> =>
  left({ _tag, detail: 'refused' });

const placed = (size: number): readonly Outcome[] =>
  Array.from({ length: size }, () => ({ _tag: 'Placed', id: 'x' }));

t.test('a probe that was under way when the publish failed proves nothing', async (t) => {
  const { lines, scopes, say, calls } = stub();
  say();
  lines.probed(5);
  say();
  t.same([scopes, calls.length], [['pod', 'pod'], 1]);
  lines.probed(6);
  say();
  t.equal(calls.length, 2, 'a later one does');
});

t.test('one call a room is under way, and it takes up to 64 that wait', async (t) => {
  const s = stub();
  const answer$ = new Subject<ReturnType<typeof right<BusError, readonly Outcome[]>>>();
  s.answer$ = answer$;
  s.say(100);
  t.same(
    s.calls.map(({ size }) => size),
    [1],
  );
  answer$.next(right(placed(1)));
  t.same(
    s.calls.map(({ size }) => size),
    [1, 64],
  );
  answer$.next(right(placed(64)));
  answer$.next(right(placed(35)));
  t.same(
    s.calls.map(({ size }) => size),
    [1, 64, 35],
  );
  t.equal(s.scopes.filter((scope) => scope === 'cluster').length, 100);
  t.equal(s.lines.size(), 0);
});

t.test("the deadline is in Redis's time", async (t) => {
  const { calls, say } = stub();
  say();
  t.same(
    calls.map(({ deadline }) => deadline),
    [7_000],
  );
});

t.test('late by a clock that was misjudged: tried once more, then on the pod', async (t) => {
  const s = stub();
  s.answer$ = of(refused('Late'));
  s.say();
  t.equal(s.calls.length, 2);
  t.same(s.scopes, ['pod']);
});

t.test('the model of Redis answers a call that comes again as Redis does', async (t) => {
  const clock = virtualClock();
  const kind: AgainKind = {
    open: async (logMessages) => {
      const redis = modelRedis(clock, { logMessages });
      return {
        publish: (...call) => of(redis.publish(...call)),
        top: (...room) => of(redis.top(...room)),
        page: (...pages) => of(redis.page(...pages)),
      } satisfies Pick<Bus, 'publish' | 'top' | 'page'> as unknown as Bus;
    },
    now: () => Math.floor(clock.wall()),
    close: async () => undefined,
  };
  await asksAgain(t, 'model', kind);
});
