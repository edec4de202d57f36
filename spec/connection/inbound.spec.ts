/** Frames of a client: rates, ping, and the room of a message that names none. */
import t from 'tap';
import { RATES, frames, member, upTo, world } from '../support/connection-world.js';

t.test(
  'when a burst is over 200 messages, then the rest is rate_limited with the time to wait',
  async (t) => {
    const w = world({}, { limits: RATES });
    const a = w.connect({ room: 'r' });
    w.clock.advance(10_000);
    for (const frame of frames(205)) a.webSocket.arrive(frame);
    w.clock.advance(1);
    t.same(a.texts('r'), upTo(200));
    t.match(
      a.errors(),
      upTo(5).map((i) => ({ code: 'rate_limited', ref: `k${200 + i}`, retry_in_ms: 10 })),
    );
    w.clock.advance(9);
    a.chat('r', 'in time', 'later');
    w.clock.advance(1);
    t.equal(a.texts('r').at(-1), 'in time', 'what was promised holds');
    t.equal(a.code(), undefined);
  },
);

t.test('when 100 messages a second come for long, then none is refused', async (t) => {
  const w = world({}, { limits: RATES });
  const a = w.connect({ room: 'r' });
  for (let i = 0; i < 1_000; i++) {
    w.clock.advance(10);
    a.chat('r', i);
  }
  t.same(a.errors(), []);
});

t.test(
  'when a message names no room, then it goes to the URL\'s room, else to the global log, as do "" and null',
  async (t) => {
    const w = world();
    const [a, b] = [w.connect({ room: 'r' }), w.connect()];
    w.clock.advance(10);
    a.send({ type: 'chat', data: 1 });
    b.send({ type: 'chat', data: 2 });
    a.send({ type: 'chat', room: '', data: 3 });
    a.send({ type: 'chat', room: null, data: 4 });
    w.clock.advance(10);
    a.send({ type: 'leave', id: 'l' });
    w.clock.advance(10);
    t.same([a.texts('r'), a.texts(''), b.texts('')], [[1], [2, 3, 4], [2, 3, 4]]);
    t.match(a.events('left'), [{ room: 'r', ref: 'l' }]);
  },
);

t.test(
  'when a client sends ping, then it alone gets pong with the same data, without a room',
  async (t) => {
    const w = world();
    const [a, b] = [member(w), w.connect({ room: 'r' })];
    a.send({ type: 'ping', data: { n: [1] } });
    a.send({ type: 'ping' });
    w.clock.advance(10);
    const pongs = a.received().filter(({ type }) => type === 'pong');
    t.same(
      pongs.map(({ data }) => data),
      [{ n: [1] }, undefined],
    );
    t.notOk(b.received().some(({ type }) => type === 'pong'));
  },
);

t.test('when a pong would be longer than a message may be, then the ping is refused', async (t) => {
  const w = world();
  const a = member(w);
  // 1e20 is written as 100000000000000000000
  a.send(`{"type":"ping","id":"fits","data":[${'1e20,'.repeat(5_000)}1]}`);
  a.send(`{"type":"ping","id":"long","data":[${'1e20,'.repeat(10_000)}1]}`);
  w.clock.advance(10);
  t.strictSame(
    a
      .received()
      .filter(({ type }) => type === 'pong')
      .map(({ data }) => (data as readonly unknown[]).length),
    [5_001],
  );
  t.match(a.errors(), [{ code: 'invalid_message', message: /^data: .* 131072 /, ref: 'long' }]);
});
