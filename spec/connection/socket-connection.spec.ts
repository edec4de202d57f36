/** A connection on a socket: its methods, and the events of ws that they belong to. */
import t from 'tap';
import { CLOSE } from '../../lib/protocol/close-codes.js';
import { isGone, member, world } from '../support/connection-world.js';

t.test('when a connection is made, then it is in the set until its socket is closed', async (t) => {
  const w = world();
  const { connection, webSocket } = member(w);
  t.ok(w.connections.has(connection));
  connection.close(CLOSE.operator);
  t.ok(w.connections.has(connection), 'the peer may still answer');
  webSocket.end();
  t.notOk(w.connections.has(connection));
  w.clock.advance(10_000);
  t.ok(isGone(w));
});

t.test('when a connection is closed twice, then the first code counts', async (t) => {
  const w = world();
  const { connection, code } = member(w);
  connection.close(CLOSE.slow);
  connection.close(CLOSE.operator);
  t.equal(code(), 1_013);
});

t.test('when ws refuses a frame, then the code of that close is reported', async (t) => {
  const w = world();
  const { webSocket } = member(w);
  const error = Object.assign(new Error('no UTF-8'), { code: 'WS_ERR_INVALID_UTF8' });
  webSocket.emit('error', error);
  webSocket.end();
  t.match(
    w.events.filter(({ _tag }) => _tag === 'Disconnected'),
    [{ code: 1_007 }],
  );
});

t.test('when the socket breaks, then no code is reported', async (t) => {
  const w = world();
  const { webSocket } = member(w);
  webSocket.emit('error', Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  webSocket.end();
  t.match(
    w.events.filter(({ _tag }) => _tag === 'Disconnected'),
    [{ code: null }],
  );
});

t.test('when an operator disconnects a connection, then it is closed with 4503', async (t) => {
  const { connection, code } = member(world());
  connection.revoke();
  t.equal(code(), 4_503);
});

t.test('when a membership is ended, then the connection stays open', async (t) => {
  const w = world();
  const a = member(w);
  a.connection.kick('r', 'failed');
  w.clock.advance(100);
  t.match(a.events('left'), [{ room: 'r', reason: 'failed' }]);
  t.equal(a.code(), undefined);
});

t.test('when the heartbeat checks a connection, then it reads the socket', async (t) => {
  const { connection, webSocket, socket } = member(world());
  socket.bytesRead = 77;
  t.same([connection.bytesRead, connection.isPaused, connection.isMidMessage], [77, false, false]);
  webSocket.pause();
  t.ok(connection.isPaused);
  connection.ping();
  t.equal(webSocket.pings, 1);
});

t.test('when a connection is terminated, then no close frame is sent', async (t) => {
  const w = world();
  const { connection, webSocket } = member(w);
  connection.terminate();
  w.clock.advance(10);
  t.ok(webSocket.ended);
  t.equal(webSocket.closeFrame, undefined);
});
