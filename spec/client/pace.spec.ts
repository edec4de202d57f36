import t from 'tap';
import { paced } from '../../lib/client/pace.js';
import { START, type State } from '../../lib/client/state.js';

const connection = {
  socket: 0,
  liveAt: 0,
  silentAt: 0,
  rooms: new Map(),
  perSecond: 100,
} as const;

/** How many frames may be sent at a time, and when the next one may. */
const burst = (from: State, text = ''): readonly [number, State] => {
  let state: State = { ...from, wakeAt: Infinity, effects: [] };
  for (let sent = 0; ; sent++) {
    const next = paced(state, connection, text, (at) => at);
    if (next.effects.length === state.effects.length) return [sent, next];
    state = next;
  }
};

t.test(
  'when many frames wait, then those of one second go at once, the others at nine tenths of the rate',
  async (t) => {
    const [first, then] = burst({ ...START, tokens: Infinity });
    t.equal(first, 100);
    t.same([then.wakeAt, burst({ ...then, nowMs: then.wakeAt })[0]], [12, 1]);
    t.equal(burst({ ...then, nowMs: 1_000 })[0], 90);
    t.equal(burst({ ...then, nowMs: 60_000 })[0], 100);
  },
);

t.test('when frames are long, then fewer are sent, as the server limits bytes too', async (t) => {
  const text = 'x'.repeat(60_000);
  const [first, then] = burst({ ...START, tokens: Infinity }, text);
  t.ok(first * text.length < 1_048_576 / 2, `${first}`);
  const [next] = burst({ ...then, nowMs: then.wakeAt }, text);
  t.equal(next, 1);
});

t.test(
  'when a second of messages has no answer on a connection, then no frame goes there',
  async (t) => {
    const sentOn = (socket: number): State['outbox'] =>
      Array.from({ length: 100 }, (_, i) => ({
        ...{ ref: `${i}`, room: 'r', text: '', until: Infinity },
        sentOn: socket,
      }));
    const free = { ...START, tokens: Infinity };
    t.equal(burst({ ...free, outbox: sentOn(0) })[0], 0);
    t.equal(burst({ ...free, outbox: sentOn(0).slice(1) })[0], 100);
    t.equal(burst({ ...free, outbox: sentOn(1) })[0], 100, 'they are of another connection');
  },
);
