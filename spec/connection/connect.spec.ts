/** The start of a connection: what is sent, and in which order its rooms are joined. */
import t from 'tap';
import { ANONYMOUS } from '../../lib/auth/from-config.js';
import { world } from '../support/connection-world.js';
import type { Peer } from '../support/peer.js';

/** The events of a start, each with its room. */
const started = (peer: Peer): readonly string[] =>
  peer.events().map(({ event, room }) => [event, room].join(' ').trim());

t.test('when a connection opens, then it gets welcome and joins both logs', async (t) => {
  const w = world({}, { limits: { maxMessageBytes: 4_096, sendBufferMessages: 64 } });
  const a = w.connect({ room: 'r', userId: 'alice' });
  w.clock.advance(1_000);
  t.same(started(a), ['welcome', 'joined', 'joined r']);
  t.match(a.events('welcome'), [
    {
      connection_id: a.connection.id,
      user_id: 'alice',
      protocol: 1,
      limits: { message_bytes: 4_096, buffer_messages: 64, rate: 1_000_000 },
    },
  ]);
  t.match(w.events[0], { _tag: 'Connected' });
});

t.test('when the burst is below the rate, then welcome names the burst', async (t) => {
  const w = world({}, { limits: { rateLimitPerSecond: 100, rateLimitBurst: 20 } });
  const a = w.connect();
  t.match(a.events('welcome'), [{ limits: { rate: 20 } }]);
});

t.test('when the URL names no room, then only the global log is joined', async (t) => {
  const w = world();
  const a = w.connect();
  w.clock.advance(1_000);
  t.same(started(a), ['welcome', 'joined']);
});

t.test('when a client resumes, then the room goes before the global log', async (t) => {
  const w = world();
  const a = w.connect({ room: 'r' });
  w.clock.advance(1_000);
  a.chat('r', 'hi');
  w.clock.advance(100);
  const lastId = a.chats('r')[0]?.id ?? '';
  const b = w.connect({ room: 'r', lastId });
  w.clock.advance(1_000);
  t.same(
    started(b).filter((event) => event.startsWith('joined')),
    ['joined r', 'joined'],
  );
});

t.test('when there is a hook, then it is called after welcome and before the joins', async (t) => {
  const rooms: string[] = [];
  const w = world({
    onConnect: (connection) => {
      rooms.push(...connection.rooms());
      connection.notify('from the hook');
    },
  });
  const a = w.connect({ room: 'r' });
  w.clock.advance(1_000);
  const types = a.received().map(({ type }) => type);
  t.same(types.slice(0, 3), ['system', 'notification', 'system']);
  t.equal(started(a)[0], 'welcome');
  t.same(rooms, ['r'], 'the URL names the room before it is joined');
});

t.test('when the token ends, then the connection is closed with 4001', async (t) => {
  const w = world();
  const { rights } = ANONYMOUS;
  const a = w.connect({ room: 'r', limited: { rights, expiresAt: w.clock.wall() + 10_000 } });
  w.clock.advance(9_000);
  t.equal(a.code(), undefined);
  w.clock.advance(60_000);
  t.equal(a.code(), 4_001);
});

t.test('when the hub ends, then the connection is closed with 1001', async (t) => {
  const w = world();
  const a = w.connect({ room: 'r' });
  w.clock.advance(1_000);
  w.running.unsubscribe();
  t.equal(a.code(), 1_001);
});
