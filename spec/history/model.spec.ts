/**
 * The log of the model passes the contract of all logs: so what specs show on it in virtual time holds on a
 * real Redis.
 */
import { firstValueFrom } from 'rxjs';
import t from 'tap';
import { drawTag } from '../../lib/protocol/position.js';
import { modelBus } from '../support/model-bus.js';
import { modelRedis } from '../support/model-redis.js';
import { virtualClock } from '../support/virtual-clock.js';
import { right } from '../support/watched-bus.js';
import { logContract } from './contract.js';

const HOUR = 3_600_000;

logContract(t, {
  name: 'the model',
  runs: 300,
  world: async ({ logMessages }) => {
    const clock = virtualClock();
    const redis = modelRedis(clock, { logMessages, logTtlMs: HOUR });
    const bus = modelBus(redis, clock, 'pod-1');
    const subscription = bus.event$.subscribe();
    clock.advance(100);
    const tag = (): number => drawTag(clock.random);
    /** What was asked has its answer when some ms have passed. */
    const soon = async <A>(answer: Promise<A>): Promise<A> => {
      clock.advance(10);
      return answer;
    };
    return {
      append: async (room, some) => {
        const nonces = some.map((_, i) => i);
        const until = redis.now() + 1_000;
        const outcomes = await soon(right(bus.publish(room, some, nonces, tag(), until)));
        return outcomes.map((outcome) => (outcome._tag === 'KeyReused' ? '' : outcome.id));
      },
      page: (room, from, most) => soon(firstValueFrom(bus.peek(room, from, most))),
      pass: async (share) => clock.advance(share * HOUR),
      endEpoch: async (room) => {
        const top = await soon(right(bus.top(room, tag())));
        await soon(right(bus.renew(room, top.tag, (top.tag % 4_094) + 1)));
      },
      end: async () => subscription.unsubscribe(),
    };
  },
});
