/** The state of a pane: its connection, and what begins anew in another room. */
import t from 'tap';
import {
  connectionOf,
  emptyPane,
  inAnotherRoom,
  isOpen,
  MAX_ENTRIES,
  MAX_IDS,
  noted,
  onStatus,
} from '../../demo/pane-state.js';
import { onPublish } from '../../demo/publishing.js';
import { onMembers, onMessage } from '../../demo/room-events.js';
import { after, livePane, liveAs, messageOf, WAITING } from '../support/demo-messages.js';

t.test('when the connection ends, then an outage begins, once', async (t) => {
  const state = after(
    livePane(),
    onStatus(WAITING, 1_000),
    onStatus({ _tag: 'Connecting' }, 2_000),
    onStatus(WAITING, 3_000),
  );
  t.match(state.outage, { number: 1, sinceMs: 1_000, endMs: undefined });
  t.ok(isOpen(state.outage));
});

t.test('when the first connection fails, or the pod drains, then it is no outage', async (t) => {
  t.equal(after(emptyPane(false), onStatus(WAITING, 1)).outage, undefined);
  const draining = { ...liveAs('c1'), _tag: 'Draining' } as const;
  t.equal(after(livePane(), onStatus(draining, 1), onStatus(liveAs('c2'), 2)).outage, undefined);
});

t.test('when a client was live on two connections, then both are its own', async (t) => {
  const state = after(livePane(), onStatus(WAITING, 1), onStatus(liveAs('c2', 'alice'), 2));
  t.same(state.ownIds, ['c1', 'c2', 'alice']);
  t.equal(connectionOf(state.status), 'c2');
});

t.test('when there were more connections than are kept, then the user stays', async (t) => {
  const steps = Array.from({ length: 2 * MAX_IDS }, (_, n) =>
    onStatus(liveAs(`c${n}`, 'alice'), n),
  );
  let state = emptyPane(true);
  for (const step of steps) {
    state = step(state);
    t.ok(state.ownIds.includes('alice'));
  }
  t.equal(state.ownIds.length, MAX_IDS);
});

t.test('when the pane goes to another room, then its entries begin anew', async (t) => {
  const state = after(
    livePane(),
    onMessage(messageOf()),
    onMembers(2),
    onPublish(1, 'hi', 0),
    inAnotherRoom,
  );
  t.match(state, { entries: [], members: undefined, outage: undefined, ownIds: ['c1'] });
  t.equal(state.waiting.length, 1, 'what was published still waits');
});

t.test('when there are many entries, then the oldest ones go', async (t) => {
  let state = livePane();
  for (let i = 0; i < MAX_ENTRIES + 10; i++) state = noted(state, `note ${i}`);
  t.equal(state.entries.length, MAX_ENTRIES);
  t.match(state.entries[0], { text: 'note 10' });
  t.equal(new Set(state.entries.map(({ key }) => key)).size, MAX_ENTRIES, 'each has its own key');
});
