import t from 'tap';
import { pageEvents } from '../../lib/client/page.js';

const page = (visibilityState: 'visible' | 'hidden') => {
  const listeners = new Map<string, (event: { type: string }) => void>();
  const document = { visibilityState };
  return {
    document,
    addEventListener: (type: string, listener: (event: { type: string }) => void) =>
      listeners.set(type, listener),
    removeEventListener: (type: string) => listeners.delete(type),
    fire: (type: string) => listeners.get(type)?.({ type }),
    listeners,
  };
};

t.test(
  'when something happens to a page, then it is an event; the visibility comes first',
  async (t) => {
    const window = page('hidden');
    const seen: string[] = [];
    const subscription = pageEvents(window).subscribe((event) => seen.push(event));
    window.document.visibilityState = 'visible';
    for (const type of [
      'visibilitychange',
      'offline',
      'online',
      'freeze',
      'resume',
      'pagehide',
      'pageshow',
    ])
      window.fire(type);
    t.same(seen, [
      'hidden',
      'visible',
      'offline',
      'online',
      'freeze',
      'resume',
      'pagehide',
      'pageshow',
    ]);
    subscription.unsubscribe();
    t.equal(window.listeners.size, 0);
  },
);

t.test('when there is no page, then nothing comes', async (t) => {
  const seen: string[] = [];
  pageEvents({}).subscribe((event) => seen.push(event));
  t.same(seen, []);
});
