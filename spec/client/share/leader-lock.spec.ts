/** The locks of tabs that share a socket: how many requests wait. */
import t from 'tap';
import type { Locks } from '../../../lib/client/share/browser.js';
import { browserWorld } from '../../support/share-world.js';

t.setTimeout(120_000);

/** Counts the requests that are neither granted nor ended. */
const counting = (locks: Locks): { readonly locks: Locks; readonly waiting: () => number } => {
  const waiting = new Set<object>();
  return {
    waiting: () => waiting.size,
    locks: {
      request: (name, options, granted) => {
        const request = {};
        waiting.add(request);
        const answer = locks.request(name, options, (lock) => {
          waiting.delete(request);
          return granted(lock);
        });
        return answer.finally(() => waiting.delete(request));
      },
    },
  };
};

t.test('when no tab gets a token, then requests for locks do not pile up', async (t) => {
  const w = browserWorld(t, { stepMs: 50 });
  const { locks, waiting } = counting((await w.tab()).locks);
  let asked = 0;
  const token = (): Promise<string> => {
    asked++;
    return Promise.reject(new Error('logged out'));
  };
  for (let i = 0; i < 5; i++) (await w.tab({ locks, token })).watch('r');
  await w.advance(120_000);
  t.ok(asked > 20, 'the lead goes from tab to tab');
  // each of the other tabs waits for the lock of the leader, which waits for the locks of those tabs
  t.ok(waiting() <= 8, `${waiting()} requests wait`);
});
