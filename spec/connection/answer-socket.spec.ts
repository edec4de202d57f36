/** A refusal on a socket without an HTTP response. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { answerSocket } from '../../lib/connection/answer-socket.js';
import { problem } from '../../lib/protocol/problem.js';
import { virtualClock, type VirtualClock } from '../support/virtual-clock.js';

/** A socket of a server that has answered it, and the peer's end. */
const answered = async (
  t: Test,
): Promise<{ readonly clock: VirtualClock; readonly socket: Socket; readonly peer: Socket }> => {
  const clock = virtualClock();
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => peer.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  answerSocket(socket, problem(503, 'later', { 'Retry-After': '1' }), clock.scheduler);
  return { clock, socket, peer };
};

t.test('when a socket is answered, then the peer gets the whole problem', async (t) => {
  const { peer, socket, clock } = await answered(t);
  let text = '';
  for await (const chunk of peer) text += String(chunk);
  t.match(text, /^HTTP\/1\.1 503 Service Unavailable\r\nConnection: close\r\n/);
  t.match(text, /\r\nRetry-After: 1\r\n/);
  t.match(JSON.parse(text.slice(text.indexOf('\r\n\r\n'))), { status: 503, detail: 'later' });
  peer.end();
  await once(socket.resume(), 'close');
  t.equal(clock.pending(), 0, 'no timer is left');
});

t.test('when the peer does not close its end, then it is cut after two seconds', async (t) => {
  const { clock, socket } = await answered(t);
  clock.advance(1_999);
  t.equal(socket.destroyed, false);
  clock.advance(1);
  t.equal(socket.destroyed, true);
});
