/** What a worker answers for all workers. */
import t from 'tap';
import type { About, FromWorker } from '../../lib/workers/frames.js';
import { whole } from '../../lib/workers/whole.js';
import { virtualClock } from '../support/virtual-clock.js';

const STATS = {
  connections: 1,
  rooms: 1,
  server_id: 'service-1',
  uptime_s: 5,
  messages_received: 1,
  messages_sent: 2,
  broker: 'workers',
};

const made = (
  own: (about: About) => Promise<unknown> = async () => ({ ...STATS, room_names: ['r'] }),
) => {
  const clock = virtualClock();
  const sent: FromWorker[] = [];
  const reports = whole({ clock, serverId: 'service', send: (frame) => sent.push(frame), own });
  return { clock, sent, ...reports };
};

/** Lets promises that are settled run. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

t.test(
  'when stats are asked for, then the worker asks for all reports and adds them up',
  async (t) => {
    const { sent, stats, take } = made();
    const answer = stats(STATS);
    await settled();
    t.strictSame(sent, [
      { _tag: 'WholeAsked', question: 1, about: { _tag: 'Stats', room: undefined } },
    ]);
    const part = { ...STATS, room_names: ['r', 's'], connections: 4, uptime_s: 9 };
    take({ _tag: 'Whole', question: 1, parts: [{ ...STATS, room_names: ['r'] }, part, 'no part'] });
    t.strictSame(await answer, {
      connections: 5,
      rooms: 2,
      server_id: 'service',
      uptime_s: 9,
      messages_received: 2,
      messages_sent: 4,
      broker: 'workers',
    });
  },
);

t.test(
  'when the program that started the worker does not answer in 2 s, then the worker reports on itself',
  async (t) => {
    const { clock, stats } = made();
    const answer = stats(STATS);
    await settled();
    clock.advance(2_000);
    t.match(await answer, { connections: 1, rooms: 1, server_id: 'service' });
  },
);

t.test('when the worker is asked for its part, then it sends its own report', async (t) => {
  const { sent, take } = made(async (about) => about);
  take({ _tag: 'PartAsked', question: 3, about: { _tag: 'Stats', room: 'r' } });
  await settled();
  t.strictSame(sent, [{ _tag: 'Part', question: 3, part: { _tag: 'Stats', room: 'r' } }]);
});

t.test('when a report cannot be made, then nothing is sent', async (t) => {
  const { sent, take } = made(async () => {
    throw new Error('a bug');
  });
  take({ _tag: 'PartAsked', question: 3, about: { _tag: 'Metrics' } });
  await settled();
  t.strictSame(sent, []);
});
