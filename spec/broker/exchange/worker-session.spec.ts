/** What one turn of the event loop brings goes to a worker in one frame, in order. */
import t from 'tap';
import { exchange } from '../../../lib/broker/exchange/exchange.js';
import type { Answered } from '../../../lib/broker/exchange/frames.js';
import { workerSession } from '../../../lib/broker/exchange/worker-session.js';
import { virtualClock } from '../../support/virtual-clock.js';

const DAY_MS = 86_400_000;

const made = () => {
  const clock = virtualClock();
  const frames: Answered[] = [];
  const session = workerSession({
    exchange: exchange({ clock, positionTtlMs: DAY_MS, logMessages: 10, logTtlMs: DAY_MS }),
    clock,
    name: 'worker-1',
    send: (frame) => frames.push(frame),
  });
  const ask = (): void =>
    session.take({
      _tag: 'Asked',
      requests: [
        { call: 1, request: { _tag: 'Subscribe', channels: ['realtime:pod:worker-1'] } },
        { call: 2, request: { _tag: 'Probe', channel: 'realtime:pod:worker-1', text: 'x' } },
      ],
    });
  return { clock, frames, session, ask };
};

t.test(
  'when requests come in one turn, then the answers and the messages go in one frame',
  async (t) => {
    const { clock, frames, ask } = made();
    ask();
    ask();
    t.equal(frames.length, 0);
    clock.advance(1);
    t.strictSame(
      frames.map(({ events }) => events.map(({ _tag }) => _tag)),
      [['Answer', 'Message', 'Answer', 'Answer', 'Message', 'Answer']],
    );
  },
);

t.test('when a frame is no request, then nothing happens', async (t) => {
  const { clock, frames, session } = made();
  for (const frame of [undefined, null, 'x', {}, { _tag: 'Asked', requests: [{ call: 1 }] }])
    session.take(frame);
  clock.advance(1);
  t.strictSame(frames, []);
});

t.test('when the worker has ended, then nothing is sent to it', async (t) => {
  const { clock, frames, session, ask } = made();
  ask();
  session.end();
  ask();
  clock.advance(1);
  t.strictSame(frames, []);
});
