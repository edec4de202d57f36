/** When the socket of a connection is read, and when it is paused. */
import fc from 'fast-check';
import { map, NEVER, timer } from 'rxjs';
import t from 'tap';
import { type World, frames, isGone, member, upTo, world } from '../support/connection-world.js';

t.test(
  'when 64 publishes are in flight, then the socket is not read until one is answered, and the order is kept',
  async (t) => {
    const w = world();
    const a = member(w);
    w.broker.publishMs = 50;
    a.webSocket.arriveTogether(frames(64));
    t.notOk(a.webSocket.isPaused, '64 are taken');
    t.equal(w.broker.underway(), 64);
    a.webSocket.arriveTogether(frames(100, 64));
    t.ok(a.webSocket.isPaused, 'the next waits');
    t.equal(w.broker.underway(), 64, 'and no more are under way');
    for (const frame of frames(30, 164)) a.webSocket.arrive(frame);
    w.clock.advance(51);
    t.ok(w.broker.underway() <= 64);
    w.clock.advance(1_000);
    t.notOk(a.webSocket.isPaused);
    t.equal(a.webSocket.pauses < 10, true);
    t.same(a.texts('r'), upTo(194), 'in order, none lost');
    t.same(
      a.events('ack').map(({ ref }) => ref),
      upTo(194).map((i) => `k${i}`),
    );
    a.go();
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test(
  'when bursts come in any pieces, then at most 64 publishes are in flight and none is lost',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ count: fc.nat(150), together: fc.boolean(), ms: fc.constantFrom(0, 1, 30) }),
          { maxLength: 12 },
        ),
        fc.constantFrom(0, 1, 20),
        (bursts, publishMs) => {
          const w = world();
          const a = member(w);
          w.broker.publishMs = publishMs;
          let sent = 0;
          for (const { count, together, ms } of bursts) {
            const some = frames(count, sent);
            sent += count;
            if (together && !a.webSocket.isPaused) a.webSocket.arriveTogether(some);
            else for (const frame of some) a.webSocket.arrive(frame);
            if (w.broker.underway() > 64) throw new Error(`${w.broker.underway()} under way`);
            w.clock.advance(ms);
            if (w.broker.underway() > 64) throw new Error(`${w.broker.underway()} under way`);
          }
          w.clock.advance(10_000);
          return a.texts('r').join() === upTo(sent).join() && !a.webSocket.isPaused;
        },
      ),
      { numRuns: 60 },
    );
    t.pass('for any bursts');
  },
);

t.test(
  'when one read brings 1,600 messages during a slow hook, then they are handled in order, on a flat stack',
  async (t) => {
    // 64 kB of the shortest messages of a client
    const MANY = 1_600;
    const w: World = world({
      onMessage: (message) =>
        message.data === 0 ? timer(10, w.clock.scheduler).pipe(map(() => message)) : message,
    });
    const a = member(w);
    a.webSocket.arriveTogether(frames(MANY));
    t.ok(a.webSocket.isPaused);
    w.clock.advance(1_000);
    t.same(a.texts('r'), upTo(MANY));
    t.same(a.errors(), []);
    t.notOk(a.webSocket.isPaused);
  },
);

t.test(
  "when a paused connection is closed, then its socket is read again, for the peer's answer",
  async (t) => {
    const w = world({ onMessage: () => NEVER });
    const a = member(w);
    a.chat('r', 1);
    a.chat('r', 2);
    t.ok(a.webSocket.isPaused);
    a.connection.close({ code: 1001, reason: 'pod going away', comeBack: true });
    t.notOk(a.webSocket.isPaused);
    w.clock.advance(10_000);
    t.ok(isGone(w), 'and what it waited for is let go');
  },
);

t.test('when frames come after a close, then the socket is not paused by them', async (t) => {
  const w = world({ onMessage: () => NEVER });
  const a = member(w);
  a.chat('r', 1);
  a.webSocket.mute = true;
  a.connection.close({ code: 1001, reason: 'pod going away', comeBack: true });
  a.chat('r', 2);
  t.notOk(a.webSocket.isPaused, 'the answer to the close comes behind them');
  t.equal(a.connection.messagesRead, 2);
  a.go();
  w.clock.advance(10_000);
  t.ok(isGone(w));
});
