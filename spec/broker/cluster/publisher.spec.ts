import { isRight, left, right } from 'fp-ts/lib/Either.js';
import { NEVER, of, Subject } from 'rxjs';
import t from 'tap';
import type {
  RedisReply,
  RedisPort,
  RedisError,
  CallOf,
  Outcome,
} from '../../../lib/broker/redis/port.js';
import { type FallbackDedup, fallbackDedup } from '../../../lib/broker/cluster/fallback-dedup.js';
import { type Publisher, publisher } from '../../../lib/broker/cluster/publisher.js';
import { fallbackKeys } from '../../../lib/broker/cluster/fallback-keys.js';
import { type Draft, draftOf, publicationOf } from '../../../lib/protocol/publication.js';
import type { Room } from '../../../lib/protocol/position.js';
import { modelRedis } from '../../support/model-redis.js';
import { type VirtualClock, virtualClock } from '../../support/virtual-clock.js';
import { type AgainKind, asksAgain } from '../redis-contract/again.js';

const draft = (): Draft => {
  const made = draftOf({ room: 'r', type: 'chat', from: 'alice', data: 'hi', at: 0 });
  if (!isRight(made)) throw new Error(made.left.text);
  return made.right;
};

interface Asked {
  readonly size: number;
  readonly deadline: number;
  readonly nonces: readonly number[];
  readonly call: CallOf | undefined;
}

interface Stub {
  readonly lines: Publisher;
  readonly clock: VirtualClock;
  readonly echoes: FallbackDedup;
  /** The scopes answered, in order. */
  readonly scopes: string[];
  readonly calls: Asked[];
  readonly failures: RedisError[];
  /** Rooms whose log was to be looked at. */
  readonly looks: Room[];
  /** The ids of publishes that were acked by what was received. */
  readonly acked: string[];
  answer$: RedisReply<readonly Outcome[]>;
  lastProbe: number;
  isReady: boolean;
  ahead: number | undefined;
  refusal: RedisError | undefined;
  publish(times?: number): void;
}

const stub = (): Stub => {
  const clock = virtualClock();
  const scopes: string[] = [];
  const calls: Asked[] = [];
  const failures: RedisError[] = [];
  const looks: Room[] = [];
  const dedup = fallbackDedup({ clock });
  const self: Stub = {
    clock,
    echoes: dedup,
    failures,
    looks,
    acked: [],
    isReady: true,
    ahead: 5_000,
    refusal: undefined,
    lines: publisher({
      redis: {
        publish: (_room, drafts, nonces, _tag, deadline, call) => {
          calls.push({ size: drafts.length, deadline, nonces, call });
          return self.answer$;
        },
      },
      clock,
      timeoutMs: 2_000,
      probe: {
        send$: of(right(0)),
        last: () => self.lastProbe,
        ahead: () => self.ahead,
        refusal: () => self.refusal,
      },
      dedup,
      keys: fallbackKeys({ clock }),
      route: () => 'cluster',
      ready: () => self.isReady,
      idOutside: (_room, nonce) => ({
        tag: 1,
        offset: 9,
        ms: 0,
        global: false,
        outside: true,
        nonce,
      }),
      deliver: () => undefined,
      recheck: (room) => looks.push(room),
      failed: (error) => failures.push(error),
      placed: () => undefined,
      ackedByPush: (_room, ids) => self.acked.push(...ids),
    }),
    scopes,
    calls,
    answer$: of(refused('OutOfMemory')),
    lastProbe: 5,
    publish: (times = 1) => {
      for (let i = 0; i < times; i += 1) {
        self.lines.publish(draft()).subscribe((result) => {
          scopes.push(isRight(result) ? result.right.scope : result.left._tag);
        });
      }
    },
  };
  return self;
};

const refused = (
  _tag: RedisError['_tag'],
): ReturnType<typeof left<RedisError, readonly Outcome[]>> => left({ _tag, detail: 'refused' });

const placed = (size: number): readonly Outcome[] =>
  Array.from({ length: size }, () => ({ _tag: 'Placed', id: 'x' }));

t.test(
  'when a probe was sent before a publish failed, then its return does not end the fallback',
  async (t) => {
    const { lines, scopes, publish, calls } = stub();
    publish();
    lines.probed(5);
    publish();
    t.same([scopes, calls.length], [['pod', 'pod'], 1]);
    lines.probed(6);
    publish();
    t.equal(calls.length, 2, 'a later one does');
  },
);

t.test('when drafts wait, then a room has one call under way, of up to 64 drafts', async (t) => {
  const s = stub();
  const answer$ = new Subject<ReturnType<typeof right<RedisError, readonly Outcome[]>>>();
  s.answer$ = answer$;
  s.publish(100);
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

t.test('when a call has a deadline, then it is in the time of Redis', async (t) => {
  const { calls, publish } = stub();
  publish();
  t.same(
    calls.map(({ deadline }) => deadline),
    [7_000],
  );
});

t.test(
  'when a call is late because of a wrong clock, then it is tried once more, and then falls back',
  async (t) => {
    const s = stub();
    s.answer$ = of(refused('Late'));
    s.publish();
    t.equal(s.calls.length, 2);
    t.same(s.scopes, ['pod']);
  },
);

t.test('when a call comes again, then the model of Redis answers as Redis does', async (t) => {
  const clock = virtualClock();
  const kind: AgainKind = {
    open: async (logMessages) => {
      const redis = modelRedis(clock, { logMessages });
      return {
        publish: (...call) => of(redis.publish(...call)),
        top: (...room) => of(redis.top(...room)),
        page: (...pages) => of(redis.page(...pages)),
      } satisfies Pick<RedisPort, 'publish' | 'top' | 'page'> as unknown as RedisPort;
    },
    now: () => Math.floor(clock.wall()),
    close: async () => undefined,
  };
  await asksAgain(t, 'model', kind);
});

const lost: RedisError = { _tag: 'Unreachable', detail: 'the connection was closed' };

t.test(
  'when the connection of a call broke, then the same call is repeated on the next connection',
  async (t) => {
    const s = stub();
    s.answer$ = of(left(lost));
    s.publish(2);
    s.isReady = false;
    s.clock.advance(1_900);
    t.same([s.calls.length, s.scopes], [1, []], 'it waits, and so does what is behind it');
    s.isReady = true;
    s.answer$ = of(right(placed(1)));
    s.lines.answered();
    t.same(s.scopes, ['cluster', 'cluster'], 'in order');
    const [first, again, next] = s.calls;
    t.same(again?.nonces, first?.nonces);
    t.equal(again?.call?.id, first?.call?.id);
    t.equal(first?.call?.again, undefined);
    t.match(again?.call?.again, { tag: 1, offset: 9 }, 'with the place that the log had come to');
    t.ok((again?.call?.again?.sinceMs ?? Number.NaN) <= 5_000, 'and the time');
    t.equal(again?.deadline, first?.deadline, 'the time counts on');
    t.equal(next?.call?.again, undefined);
    t.not(next?.call?.id, first?.call?.id);
    t.same(s.looks, ['r'], 'what ran may be in the log alone');
    t.same(s.failures, []);
    t.equal(s.lines.size(), 0);
  },
);

t.test(
  'when a publish has no answer but came on the channel, then it is acked, and the channel expects its id',
  async (t) => {
    const s = stub();
    s.answer$ = NEVER;
    s.publish();
    const nonce = s.calls[0]?.nonces[0] ?? 0;
    const id = { tag: 1, offset: 10, ms: 0, global: false, outside: false, nonce };
    const pushed = publicationOf(draft(), id);
    s.lines.received('r', pushed);
    s.publish();
    s.clock.advance(2_000);
    t.same(s.scopes, ['cluster', 'pod']);
    t.same(s.acked, [pushed.idText]);
  },
);

t.test(
  'when there is no connection for long, then each draft falls back at its time limit, in order',
  async (t) => {
    const s = stub();
    s.answer$ = of(left(lost));
    s.publish();
    s.isReady = false;
    s.clock.advance(500);
    s.publish(2);
    s.clock.advance(1_450);
    t.same(s.scopes, []);
    s.clock.advance(60);
    t.same(s.scopes, ['pod', 'pod', 'pod'], 'one that fell back keeps the room on the pod');
    t.equal(s.echoes.size(), 1, 'what may have run is known again');
    s.isReady = true;
    s.answer$ = of(right(placed(1)));
    s.lines.probed(6);
    s.publish();
    t.equal(s.scopes.at(-1), 'cluster');
  },
);

t.test(
  'when there is no connection, then a draft waits for one, or until its time limit',
  async (t) => {
    const s = stub();
    s.isReady = false;
    s.publish(3);
    s.clock.advance(1_000);
    t.same([s.calls.length, s.scopes.length, s.lines.waiting()], [0, 0, 3]);
    s.isReady = true;
    s.answer$ = of(right(placed(3)));
    s.lines.answered();
    t.same(
      s.calls.map(({ size, deadline }) => [size, deadline]),
      [[3, 7_000]],
      'one call, whose time counts from when the first was accepted',
    );
    t.same(s.scopes, ['cluster', 'cluster', 'cluster']);
    t.equal(s.lines.waiting(), 0);
    s.isReady = false;
    s.publish();
    s.clock.advance(2_100);
    t.equal(s.scopes.at(-1), 'pod');
    t.match(s.failures, [{ _tag: 'Unreachable', detail: 'there is no connection to Redis' }]);
  },
);

t.test('when Redis refuses the probe, then no draft waits', async (t) => {
  const s = stub();
  s.ahead = undefined;
  s.publish();
  t.same(s.scopes, []);
  s.refusal = { _tag: 'OutOfMemory', detail: 'OOM' };
  s.lines.answered();
  t.same(s.scopes, ['pod']);
  t.match(s.failures, [{ _tag: 'OutOfMemory' }]);
});

t.test(
  'when a large draft is refused, then so is a small one after it: it may not come first',
  async (t) => {
    const s = stub();
    s.isReady = false;
    const answers: string[] = [];
    const publish = (data: string): void => {
      const made = draftOf({ room: 'r', type: 'chat', from: 'alice', data, at: 0 });
      if (isRight(made)) s.lines.publish(made.right).subscribe(({ _tag }) => answers.push(_tag));
    };
    for (let i = 0; i < 600 && answers.length === 0; i += 1) publish('x'.repeat(130_000));
    t.same(answers, ['Left']);
    publish('small');
    t.same(answers, ['Left', 'Left']);
  },
);

t.test(
  'when too many drafts wait, then a publish is unavailable, and nothing else changes',
  async (t) => {
    const s = stub();
    s.isReady = false;
    s.publish(32_768);
    t.same(s.scopes, []);
    s.publish();
    t.same(s.scopes, ['Unavailable']);
    t.equal(s.lines.waiting(), 32_768);
    s.lines.close();
    t.equal(s.scopes.length, 32_769, 'closed, each has its answer');
    t.equal(s.lines.waiting(), 0);
  },
);

t.test(
  'when Redis refused a call before it began, then it has not run; about others the log is asked',
  async (t) => {
    for (const [error, mayHaveRun] of [
      [{ _tag: 'ReadOnly', detail: '' }, false],
      [{ _tag: 'OutOfMemory', detail: '' }, false],
      [{ _tag: 'Misconfigured', detail: '' }, false],
      [{ _tag: 'Loading', detail: '' }, false],
      [{ _tag: 'Busy', detail: '' }, false],
      [{ _tag: 'Refused', detail: '' }, false],
      [{ _tag: 'NoPermission', detail: '' }, false],
      [{ _tag: 'WrongType', detail: '', inside: true }, false],
      [{ _tag: 'NoPermission', detail: '', inside: true }, true],
      [{ _tag: 'Other', detail: '' }, true],
    ] as const satisfies readonly (readonly [RedisError, boolean])[]) {
      const s = stub();
      s.answer$ = of(left(error));
      s.publish();
      t.same(s.scopes, ['pod'], error._tag);
      t.equal(s.calls.length, mayHaveRun ? 2 : 1, 'asked again at once, and once');
      t.equal(s.echoes.size(), mayHaveRun ? 1 : 0);
    }
  },
);
