/** A log behind the port of Redis in virtual time, as the contract of logs wants it. */
import { firstValueFrom } from 'rxjs';
import type { RedisPort } from '../../lib/broker/redis/port.js';
import { drawTag } from '../../lib/protocol/position.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import { right } from '../support/watched-bus.js';
import type { World } from './contract.js';

/** How long messages are kept. */
export const LOG_TTL_MS = 3_600_000;

/** The log of `port` keeps messages for `LOG_TTL_MS`. */
export const portWorld = (clock: VirtualClock, port: RedisPort): World => {
  const subscription = port.event$.subscribe();
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
      const until = clock.wall() + 1_000;
      const outcomes = await soon(right(port.publish(room, some, nonces, tag(), until)));
      return outcomes.map((outcome) => (outcome._tag === 'KeyReused' ? '' : outcome.id));
    },
    page: (room, from, most) => soon(firstValueFrom(port.peek(room, from, most))),
    pass: async (share) => clock.advance(share * LOG_TTL_MS),
    endEpoch: async (room) => {
      const top = await soon(right(port.top(room, tag())));
      await soon(right(port.renew(room, top.tag, (top.tag % 4_094) + 1)));
    },
    end: async () => subscription.unsubscribe(),
  };
};
