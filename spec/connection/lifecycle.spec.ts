/** The end of a connection: by us, by the peer, by ws. */
import t from 'tap';
import { type EndEvent, step } from '../../lib/connection/lifecycle.js';
import { OPEN, type Phase } from '../../lib/connection/state.js';
import { isGone, member, world } from '../support/connection-world.js';

t.test(
  'when a binary frame comes, then 1003; only the first close counts, and later frames are dropped',
  async (t) => {
    const w = world();
    const [a, b] = [member(w), w.connect({ room: 'r' })];
    w.clock.advance(10);
    a.webSocket.emit('message', Buffer.from('{}'), true);
    t.equal(a.code(), 1003);
    a.webSocket.emit('message', Buffer.from('{"type":"chat","room":"r","data":1}'), false);
    a.connection.close({ code: 1011, reason: 'x', comeBack: true });
    const before = a.socket.chunks.length;
    b.chat('r', 2);
    w.clock.advance(10);
    t.same([a.code(), a.socket.chunks.length, b.texts('r')], [1003, before, [2]]);
    t.match(
      w.events.find(({ _tag }) => _tag === 'Disconnected'),
      { code: 1003 },
    );
  },
);

t.test(
  'when a frame breaks RFC 6455, then Disconnected has the code that ws sent, and all rooms are left at once',
  async (t) => {
    const rows = [
      ['WS_ERR_INVALID_UTF8', 1007],
      ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
      ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
      ['WS_ERR_EXPECTED_MASK', 1002],
      ['ECONNRESET', null],
    ] as const;
    for (const [error, code] of rows) {
      const w = world();
      const a = member(w);
      a.webSocket.emit('error', Object.assign(new Error(error), { code: error }));
      t.equal(w.occupied().size, 0, error);
      a.webSocket.end();
      w.clock.advance(10_000);
      t.match(
        w.events.find(({ _tag }) => _tag === 'Disconnected'),
        { code },
        error,
      );
      t.ok(isGone(w), error);
    }
  },
);

t.test('when a socket is terminated, then all rooms are left', async (t) => {
  const w = world();
  const a = member(w);
  a.webSocket.mute = true;
  a.connection.terminate();
  w.clock.advance(10_000);
  t.ok(isGone(w));
});

t.test(
  'when a connection ends in several ways, then the first one decides who closed it and with which code',
  async (t) => {
    const sent: EndEvent = { _tag: 'CloseSent', code: 1008 };
    const again: EndEvent = { _tag: 'CloseSent', code: 1011 };
    const broken: EndEvent = { _tag: 'SocketBroken' };
    const closed: EndEvent = { _tag: 'SocketClosed' };
    const byServer = { by: 'server', code: 1008 } as const;
    const byPeer = { by: 'peer', code: null } as const;
    const rows: readonly (readonly [events: readonly EndEvent[], phase: Phase])[] = [
      [[sent], { _tag: 'Closing', ...byServer }],
      [[broken], { _tag: 'Closing', ...byPeer }],
      [[closed], { _tag: 'Closed', ...byPeer }],
      [[sent, again], { _tag: 'Closing', ...byServer }],
      [[sent, broken], { _tag: 'Closing', ...byServer }],
      [[broken, sent], { _tag: 'Closing', ...byPeer }],
      [[sent, closed], { _tag: 'Closed', ...byServer }],
      [[broken, closed], { _tag: 'Closed', ...byPeer }],
      [[sent, broken, closed, again], { _tag: 'Closed', ...byServer }],
    ];
    for (const [events, phase] of rows)
      t.strictSame(events.reduce(step, OPEN), phase, events.map(({ _tag }) => _tag).join());
  },
);
