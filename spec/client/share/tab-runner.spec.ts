/** The runner of a tab: what it does when the browser throws. */
import { NEVER } from 'rxjs';
import t from 'tap';
import { tabRunner } from '../../../lib/client/share/tab-runner.js';
import { virtualClock } from '../../../lib/testing/index.js';
import { lockManager } from '../../support/locks.js';

t.test('when a channel cannot be opened, then the tab goes on with the next input', async (t) => {
  let made = 0;
  class Channel {
    constructor() {
      if (made++ === 0) throw new DOMException('The operation is insecure.', 'SecurityError');
    }
    postMessage(): void {}
    addEventListener(): void {}
    close(): void {}
  }
  const tab = tabRunner({
    url: 'ws://server',
    token$: NEVER,
    open: () => ({}),
    clock: virtualClock(),
    page$: NEVER,
    name: 'tabs',
    locks: lockManager(),
    BroadcastChannel: Channel,
  });
  t.throws(() => tab.open('ws://server', []), { name: 'SecurityError' });
  tab.leave();
  tab.open('ws://server', []);
  t.equal(made, 2, 'it has left, and enters again');
  tab.leave();
});
