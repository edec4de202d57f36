/** The log of the exchange passes the contract of all logs, in virtual time. */
import { firstValueFrom } from 'rxjs';
import t from 'tap';
import { drawTag } from '../../lib/protocol/position.js';
import { exchangeWorld } from '../support/exchange-world.js';
import { virtualClock } from '../support/virtual-clock.js';
import { right } from '../support/watched-bus.js';
import { logContract } from './contract.js';

const HOUR = 3_600_000;

logContract(t, {
  name: 'the exchange',
  runs: 300,
  world: async ({ logMessages }) => {
    const clock = virtualClock();
    const { port } = exchangeWorld(clock, { logMessages, logTtlMs: HOUR }).worker('worker-1');
    const subscription = port.event$.subscribe();
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
      pass: async (share) => clock.advance(share * HOUR),
      endEpoch: async (room) => {
        const top = await soon(right(port.top(room, tag())));
        await soon(right(port.renew(room, top.tag, (top.tag % 4_094) + 1)));
      },
      end: async () => subscription.unsubscribe(),
    };
  },
});
