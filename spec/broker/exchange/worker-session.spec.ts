/** What one turn of the event loop brings goes to a worker in one frame, in order. */
import t from 'tap';
import { exchange } from '../../../lib/broker/exchange/exchange.js';
import { ByteWriter } from '../../../lib/broker/exchange/byte-writer.js';
import { readAnswered, writeAsked } from '../../../lib/broker/exchange/frame-codec.js';
import type { Request } from '../../../lib/broker/exchange/frames.js';
import { workerSession } from '../../../lib/broker/exchange/worker-session.js';
import { virtualClock } from '../../support/virtual-clock.js';

const DAY_MS = 86_400_000;

const PROBE: readonly Request[] = [
  { _tag: 'Subscribe', channels: ['realtime:pod:worker-1'] },
  { _tag: 'Probe', channel: 'realtime:pod:worker-1', text: 'x' },
];

const frameOf = (...requests: readonly Request[]): Buffer => {
  const writer = new ByteWriter();
  requests.forEach((request, i) => writeAsked(writer, { call: i + 1, request }));
  return writer.take();
};

const made = () => {
  const clock = virtualClock();
  const frames: Buffer[] = [];
  const session = workerSession({
    exchange: exchange({ clock, positionTtlMs: DAY_MS, logMessages: 10, logTtlMs: DAY_MS }),
    clock,
    name: 'worker-1',
    send: (frame) => frames.push(frame),
  });
  const ask = (): void => session.take(frameOf(...PROBE));
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
      frames.map((frame) => readAnswered(frame)?.map(({ _tag }) => _tag)),
      [['Answer', 'Message', 'Answer', 'Answer', 'Message', 'Answer']],
    );
  },
);

t.test('when a frame cannot be read, then nothing happens', async (t) => {
  const { clock, frames, session } = made();
  for (const frame of [Buffer.alloc(0), Buffer.from('x'), frameOf(...PROBE).subarray(0, -1)])
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
