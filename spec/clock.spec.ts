/** The real time and turns of the process. */
import t from 'tap';
import { systemClock } from '../lib/clock.js';

const ended = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

t.test(
  'when work is put into a turn, then it runs after all work that waits, in order',
  async (t) => {
    const ran: string[] = [];
    systemClock.turn(() => ran.push('a'));
    systemClock.turn(() => ran.push('b'));
    void Promise.resolve().then(() => ran.push('microtask'));
    t.same(ran, [], 'not at once');
    await ended();
    t.same(ran, ['microtask', 'a', 'b']);
  },
);

t.test('when work is unsubscribed, then it does not run', async (t) => {
  const ran: string[] = [];
  const one = systemClock.turn(() => ran.push('a'));
  systemClock.turn(() => ran.push('b'));
  one.unsubscribe();
  await ended();
  t.same(ran, ['b']);
});

t.test('when work puts more into a turn, then that runs in the next', async (t) => {
  const ran: string[] = [];
  systemClock.turn(() => {
    systemClock.turn(() => ran.push('later'));
    ran.push('first');
  });
  systemClock.turn(() => ran.push('second'));
  await ended();
  t.same(ran, ['first', 'second']);
  await ended();
  t.same(ran, ['first', 'second', 'later']);
});

t.test('when one piece of work throws, then the other ones still run', async (t) => {
  const ran: string[] = [];
  const failed = new Promise((resolve) => {
    // tap ends a spec on an uncaught exception
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error: Error) => {
      for (const listener of listeners) process.on('uncaughtException', listener);
      resolve(error.message);
    });
  });
  systemClock.turn(() => {
    throw new Error('mine');
  });
  systemClock.turn(() => ran.push('b'));
  t.equal(await failed, 'mine');
  await ended();
  t.same(ran, ['b']);
});

t.test('when the scheduler waits, then it uses a clock that never goes back', async (t) => {
  const before = systemClock.scheduler.now();
  await new Promise<void>((resolve) => systemClock.scheduler.schedule(() => resolve(), 5));
  const took = systemClock.scheduler.now() - before;
  t.ok(took >= 4, `${took} ms`);
  t.ok(before < 1_000_000_000, 'it is not the wall clock');
  t.ok(Math.abs(systemClock.wall() - Date.now()) < 1_000);
});
