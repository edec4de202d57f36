/** What the messages and events of a room change in a pane. */
import t from 'tap';
import {
  cameBack,
  emptyPane,
  inAnotherRoom,
  onStatus,
  withAnotherToken,
} from '../../demo/pane-state.js';
import { onPublish } from '../../demo/publishing.js';
import { named, onHistory, onMembers, onMessage, onNotice } from '../../demo/room-events.js';
import type { MemberPresence, RoomNotice } from '../../lib/client/index.js';
import { after, livePane, liveAs, messageOf, textsOf, WAITING } from '../support/demo-messages.js';

const JOINED: RoomNotice = { _tag: 'Joined', recovered: undefined, scope: undefined };

const { id, timestamp } = messageOf();

const cameOrLeft = (status: 'online' | 'offline', connection_id = 'c9'): RoomNotice => ({
  _tag: 'Presence',
  message: {
    id,
    timestamp,
    type: 'presence',
    from: 'server',
    data: { user_id: null, connection_id, status },
  },
});

t.test(
  'when messages come after an outage, then they came back until the room is joined',
  async (t) => {
    const [missed, later] = [messageOf(), messageOf()];
    const state = after(
      livePane(),
      onMessage(messageOf()),
      onStatus(WAITING, 1_000),
      onPublish(1, 'hi', 1_500),
      onStatus(liveAs('c2'), 3_000),
      onMessage(missed),
      onNotice(JOINED, 3_200),
      onMessage(later),
    );
    t.same(
      cameBack(state).map(({ key }) => key),
      [missed.id],
    );
    t.match(textsOf(state)[2], 'Back after 2.2 s · 1 message came back · 1 message of yours sent');
  },
);

t.test('when nothing was missed, then the pane says so', async (t) => {
  const state = after(
    livePane(),
    onStatus(WAITING, 0),
    onStatus(liveAs('c2'), 500),
    onNotice(JOINED, 500),
  );
  t.same(textsOf(state), ['Back after 500 ms · nothing was missed']);
});

t.test('when a second outage ends, then only what came back after it counts', async (t) => {
  const second = messageOf();
  const outage = (id: string, message = messageOf()) => [
    onStatus(WAITING, 0),
    onStatus(liveAs(id), 1),
    onMessage(message),
    onNotice(JOINED, 2),
  ];
  const state = after(livePane(), ...outage('c2'), ...outage('c3', second));
  t.same(
    cameBack(state).map(({ key }) => key),
    [second.id],
  );
});

t.test(
  'when the log does not have all, then the gap is shown, and counts in the report',
  async (t) => {
    const gap: RoomNotice = { _tag: 'Gap', reason: 'expired', id: 'x' };
    const state = after(
      livePane(),
      onStatus(WAITING, 0),
      onStatus(liveAs('c2'), 1),
      onNotice(gap, 1),
      onNotice(JOINED, 2_001),
    );
    t.match(textsOf(state)[0], /may be missing here.*expired/);
    t.equal(textsOf(state)[1], 'Back after 2.0 s · gap: expired');
    t.match(textsOf(after(livePane(), onNotice(gap, 1)))[0], /may be missing/, 'without an outage');
  },
);

t.test('when a message comes again, then it is shown once', async (t) => {
  const message = messageOf();
  const state = after(livePane(), onMessage(message), onMessage(message), onHistory([message]));
  t.equal(state.entries.length, 1);
});

t.test('when the history comes after a live message, then it stands before it', async (t) => {
  const [old, both, live] = [messageOf(), messageOf(), messageOf()];
  const state = after(livePane(), onMessage(both), onMessage(live), onHistory([old, both]));
  t.same(
    state.entries.map(({ key }) => key),
    [old.id, both.id, live.id],
  );
});

t.test('when there are no tokens, then a name is what the sender wrote', async (t) => {
  const message = messageOf({ from: 'c9', data: { name: 'bob', content: 'hi' } });
  t.same(textsOf(after(livePane(), onMessage(message))), ['bob: hi']);
  const state = after(livePane(), onMessage(message), onNotice(cameOrLeft('offline'), 0));
  t.equal(textsOf(state)[1], 'bob left', 'the connection has this name');
});

t.test('when there are tokens, then the name is the user, whatever the sender wrote', async (t) => {
  const message = messageOf({ from: 'mallory', data: { name: 'alice', content: 'hi' } });
  const state = after(livePane(true), onMessage(message));
  t.same(textsOf(state), ['mallory: hi']);
  t.match(state.entries, [{ isOwn: false }]);
  t.match(after(state, onMessage(messageOf())).entries[1], { isOwn: true });
});

t.test('when the history comes before the user is known, then own messages are own', async (t) => {
  const [own, other] = [messageOf(), messageOf({ from: 'bob' })];
  const before = after(emptyPane(true), onHistory([own, other]));
  t.match(before.entries, [{ isOwn: false }, { isOwn: false }]);
  const state = after(before, onStatus(liveAs('c1', 'alice'), 0));
  t.match(state.entries, [{ isOwn: true }, { isOwn: false }]);
});

t.test(
  'when the pane gets the token of another user, then messages of the first are not own',
  async (t) => {
    const state = after(
      livePane(true),
      withAnotherToken,
      onStatus(liveAs('c2', 'bob'), 0),
      onHistory([messageOf(), messageOf({ from: 'bob' })]),
    );
    t.match(state.entries, [{ isOwn: false }, { isOwn: true }]);
    const stays = after(livePane(true), inAnotherRoom, onHistory([messageOf()]));
    t.match(stays.entries, [{ isOwn: true }], 'another room alone changes nobody');
  },
);

t.test('when members come and go, then the pane says who', async (t) => {
  const away: MemberPresence = {
    id,
    timestamp,
    type: 'presence',
    from: 'c9',
    data: { status: 'away' },
  };
  const state = after(
    livePane(),
    onMembers(2),
    named('c9', 'bob'),
    onNotice(cameOrLeft('online'), 0),
    onNotice(cameOrLeft('online', 'f87fda49-1b0c-4c3e-9d55-0a1b2c3d4e5f'), 0),
    onNotice({ _tag: 'Presence', message: away }, 0),
    onNotice(cameOrLeft('offline'), 0),
  );
  t.same(textsOf(state), ['bob came', 'guest f87f came', 'bob is away', 'bob left']);
  t.equal(state.members, 2, 'an `online` may be of a member that was counted');
});

t.test('when the own presence comes back, then it is said of oneself', async (t) => {
  const own: RoomNotice = {
    _tag: 'Presence',
    message: { id, timestamp, type: 'presence', from: 'c1', data: { status: 'away' } },
  };
  t.same(textsOf(after(livePane(), onNotice(own, 0))), ['You are away']);
});

t.test('when the room refuses, then the text of the server is shown', async (t) => {
  const refused: RoomNotice = { _tag: 'Refused', code: 'forbidden', message: 'ask for the right' };
  const state = after(livePane(), onNotice(refused, 0));
  t.same(textsOf(state), ['The room refuses: ask for the right (forbidden)']);
  t.ok(state.isRefused);
  t.notOk(after(state, onNotice(JOINED, 1)).isRefused);
  t.notOk(after(state, inAnotherRoom).isRefused);
  t.notOk(after(state, withAnotherToken).isRefused);
});
