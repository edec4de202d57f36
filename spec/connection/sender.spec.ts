/** Refusals, and when they close a connection. */
import t from 'tap';
import { reject } from '../../lib/hooks.js';
import { RATES, frames, member, world } from '../support/connection-world.js';

t.test(
  'when 20 messages are refused within 10 s, then the connection is closed with 1008',
  async (t) => {
    const w = world();
    const [a, b, c] = [w.connect(), w.connect(), w.connect()];
    for (let i = 0; i < 19; i++) a.send('{');
    w.clock.advance(10);
    t.equal(a.code(), undefined);
    a.send('{');
    w.clock.advance(10);
    t.equal(a.code(), 1008);
    t.equal(a.errors().length, 20, 'and each was told');
    for (let i = 0; i < 40; i++) {
      b.send('{');
      w.clock.advance(527);
    }
    t.equal(b.code(), undefined, '19 in any 10 s');
    for (let i = 0; i < 40 && c.code() === undefined; i++) {
      c.send('{');
      w.clock.advance(526);
    }
    t.equal(c.code(), 1008, '20 in 9,994 ms');
  },
);

t.test(
  'when a hook rejects or the broker fails, then the refusals do not count for 1008',
  async (t) => {
    const w = world({
      onMessage: ({ data }) => (data === 'no' ? reject('not that') : { room: 'r', data }),
    });
    const a = member(w);
    for (let i = 0; i < 30; i++) a.chat('r', 'no');
    w.broker.refuse = { _tag: 'Unavailable', detail: 'nothing took it' };
    for (let i = 0; i < 30; i++) a.chat('r', i);
    w.clock.advance(100);
    t.equal(a.errors().length, 60);
    t.equal(a.code(), undefined);
  },
);

t.test(
  'when a client goes on over its rate, then the refusals count and close it with 1008',
  async (t) => {
    const w = world({}, { limits: RATES });
    const a = w.connect({ room: 'r' });
    a.webSocket.arriveTogether(frames(230));
    w.clock.advance(10);
    t.equal(a.code(), 1008);
    t.equal(a.texts('r').length <= 200, true);
  },
);
