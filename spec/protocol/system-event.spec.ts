/** The events of `system` messages. */
import t from 'tap';
import { isSystemEvent } from '../../lib/protocol/system-event.js';

t.test(
  'when an event is one of the server, then it is known as one; no name of the prototype is',
  async (t) => {
    for (const event of [
      'welcome',
      'joined',
      'left',
      'ack',
      'gap',
      'degraded',
      'restored',
      'draining',
      'token_expiring',
    ])
      t.ok(isSystemEvent(event), event);
    for (const event of ['constructor', '__proto__', 'maintenance', '', undefined, 1])
      t.notOk(isSystemEvent(event), String(event));
  },
);
