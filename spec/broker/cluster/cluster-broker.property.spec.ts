/**
 * Any interleaving of publishes, joins, leaves and faults: no message comes twice, no hole without a gap,
 * every receipt is true.
 */
import fc from 'fast-check';
import t from 'tap';
import { channelOf, podChannel } from '../../../lib/broker/redis/port.js';
import { type Room } from '../../../lib/protocol/position.js';
import {
  count,
  countFromZero,
  faultsOf,
  isSilentlyBehind,
  join,
  type Pod,
  podOf,
  publish,
  restsOf,
  scopeOf,
  statusOf,
  type World,
  world,
} from '../../support/cluster-world.js';

type Step =
  | {
      readonly _tag: 'publish';
      readonly pod: number;
      readonly room: number;
      readonly times: number;
      readonly keyed: boolean;
    }
  | { readonly _tag: 'join' | 'leave' | 'rejoin'; readonly pod: number; readonly room: number }
  | { readonly _tag: 'cut' | 'hole' | 'drop' | 'slow'; readonly pod: number; readonly ms: number }
  | {
      readonly _tag: 'crash' | 'wipe' | 'freeze' | 'failover' | 'unseen' | 'refuse' | 'jump';
      readonly ms: number;
    }
  | { readonly _tag: 'wait'; readonly ms: number };

const pod = fc.nat(2);

const room = fc.nat(1);

/** Short waits meet what is under way, long ones what is over. */
const ms = fc.oneof(fc.nat(5), fc.nat(200), fc.nat(8_000));

const kinds = <K extends string>(...tags: readonly K[]): fc.Arbitrary<K> =>
  fc.constantFrom(...tags);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: kinds('publish'),
      pod,
      room,
      times: fc.integer({ min: 1, max: 5 }),
      keyed: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ _tag: kinds('join', 'leave', 'rejoin'), pod, room }) },
  { weight: 2, arbitrary: fc.record({ _tag: kinds('cut', 'hole', 'drop', 'slow'), pod, ms }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: kinds('crash', 'wipe', 'freeze', 'failover', 'unseen', 'refuse', 'jump'),
      ms,
    }),
  },
  { weight: 6, arbitrary: fc.record({ _tag: kinds('wait'), ms }) },
);

const run = (w: World, step: Step): void => {
  const { clock, redis } = w;
  const after = (ms: number, work: () => void): void => void clock.scheduler.schedule(work, ms);
  const leave = (at: Pod, room: Room): void =>
    at.listeners
      .find((each) => each.room === room && !each.subscription.closed)
      ?.subscription.unsubscribe();
  switch (step._tag) {
    case 'publish':
      for (let i = 0; i < step.times; i++)
        publish(w, podOf(w, step.pod), `r${step.room}`, step.keyed ? `k${count}` : undefined);
      return;
    case 'join':
      if (
        !podOf(w, step.pod).listeners.some(
          (each) => each.room === `r${step.room}` && !each.subscription.closed,
        )
      )
        join(w, podOf(w, step.pod), `r${step.room}`);
      return;
    case 'leave':
      return leave(podOf(w, step.pod), `r${step.room}`);
    case 'rejoin':
      join(w, podOf(w, step.pod), `r${step.room}`);
      return leave(podOf(w, step.pod), `r${step.room}`);
    case 'cut':
      return podOf(w, step.pod).bus.cut();
    case 'hole':
      podOf(w, step.pod).bus.blackHole(true);
      return after(step.ms, () => podOf(w, step.pod).bus.blackHole(false));
    case 'drop':
      return podOf(w, step.pod).bus.drop([
        channelOf('r0'),
        podChannel(`pod-${step.pod % w.pods.length}`),
      ]);
    case 'slow':
      podOf(w, step.pod).bus.slow(Math.max(2, step.ms / 4));
      return after(3_000, () => podOf(w, step.pod).bus.slow(2));
    case 'crash':
      redis.crash();
      return after(step.ms, redis.start);
    case 'wipe':
      return redis.wipe();
    case 'freeze':
      redis.freeze();
      return after(step.ms, redis.thaw);
    case 'failover':
      return redis.failover(step.ms % 7, true);
    case 'unseen':
      return redis.failover(step.ms % 3, false);
    case 'refuse':
      redis.refuse(step.ms % 2 === 0 ? 'ReadOnly' : 'OutOfMemory');
      return after(step.ms, () => redis.refuse(undefined));
    case 'jump':
      return redis.jump((step.ms - 4_000) * 100);
    case 'wait':
      return clock.advance(step.ms);
  }
};

t.test(
  'when publishes, joins, leaves and faults interleave, then every pod delivers one order',
  async (t) => {
    t.setTimeout(0);
    const runs = Number(process.env['PODS_RUNS'] ?? 300);
    const seed = process.env['PODS_SEED'];
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), fc.nat(), (steps, seed) => {
        countFromZero();
        const w = world(3, seed);
        for (const one of w.pods) join(w, one, 'r0');
        w.clock.advance(100);
        for (const one of steps) run(w, one);
        w.clock.advance(25_000);
        const living = w.pods.flatMap((one) =>
          one.listeners.filter(({ subscription }) => !subscription.closed),
        );
        for (const one of w.pods)
          if (statusOf(one) !== 'Up') throw new Error(`after the heal: ${statusOf(one)}`);
        const silent = living.filter((listener) => isSilentlyBehind(w, listener));
        const last = ['r0', 'r1'].map((room) => publish(w, podOf(w, 0), room));
        w.clock.advance(3_000);
        const faults = [
          ...faultsOf(w),
          ...silent.map(({ room }) => `behind in ${room}, and not told`),
        ];
        for (const sent of last) {
          if (scopeOf(sent) !== 'cluster') faults.push('after the heal: not on the cluster');
          for (const listener of living) {
            if (listener.room === sent.draft.room && !restsOf(listener).includes(sent.draft.rest))
              faults.push('after the heal: not heard');
          }
        }
        for (const { subscription } of living) subscription.unsubscribe();
        w.clock.advance(100);
        for (const [i, one] of w.pods.entries()) {
          const holdings = one.broker.holdings();
          if (holdings.channels !== 3 || holdings.rooms + holdings.queues + holdings.counts !== 0)
            faults.push(`pod ${i} holds ${JSON.stringify(holdings)}`);
          one.broker.close().subscribe();
        }
        if (w.redis.subscribers(channelOf('r0')) + w.redis.subscribers(channelOf('r1')) !== 0)
          faults.push('Redis still sends');
        w.clock.advance(10_000);
        if (w.clock.pending() !== 0) faults.push(`${w.clock.pending()} timers are left`);
        if (faults.length > 0) throw new Error(faults.join('\n'));
      }),
      { numRuns: runs, ...(seed === undefined ? { seed: 1 } : { seed: Number(seed) }) },
    );
    t.pass(`${runs} runs`);
  },
);
