/** From a publish to its ack, in a pane. */
import t from 'tap';
import { onStatus } from '../../demo/pane-state.js';
import { onAck, onPublish, onRefused } from '../../demo/publishing.js';
import { after, livePane, liveAs, textsOf, WAITING } from '../support/demo-messages.js';

t.test('when the ack comes, then its time is the latency', async (t) => {
  const sent = after(livePane(), onPublish(1, 'hi', 100));
  t.match(sent.waiting, [{ text: 'hi' }]);
  const state = after(sent, onAck(1, { id: 'm', duplicate: false }, 107));
  t.same(state.waiting, []);
  t.equal(state.latencyMs, 7);
  t.equal(state.acks.get('m'), 7);
});

t.test('when an outage is between, then the time of the ack is no latency', async (t) => {
  const state = after(
    livePane(),
    onPublish(1, 'hi', 0),
    onAck(1, { id: 'a', duplicate: false }, 5),
    onPublish(2, 'hi', 10),
    onStatus(WAITING, 20),
    onPublish(3, 'hi', 30),
    onStatus(liveAs('c2'), 5_000),
    onAck(2, { id: 'b', duplicate: true }, 5_010),
    onAck(3, { id: 'c', duplicate: false }, 5_010),
  );
  t.equal(state.latencyMs, 5);
  t.equal(state.acks.get('c'), 4_980, 'the message shows how long it took');
});

t.test('when a hook drops the message, then nothing waits for it', async (t) => {
  const state = after(livePane(), onPublish(1, 'hi', 0), onAck(1, { duplicate: false }, 5));
  t.same([state.waiting, state.acks.size, state.latencyMs], [[], 0, undefined]);
});

t.test('when the publish is refused, then the pane shows why', async (t) => {
  const state = after(livePane(), onPublish(1, 'hi', 0), onRefused(1, 'no rights'));
  t.same(state.waiting, []);
  t.same(textsOf(state), ['Not sent: no rights']);
});
