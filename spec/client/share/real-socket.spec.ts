/** The socket of a leader whose handshake is refused, with `ws`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import { WebSocket } from 'ws';
import { realSocket } from '../../../lib/client/share/real-socket.js';

t.test('when a handshake is refused, then its connection is closed at once', async (t) => {
  // a proxy that keeps its connections open
  const refusal = 'HTTP/1.1 503 x\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nfull';
  const server = createServer().on('upgrade', (_, socket) => {
    socket.resume();
    socket.write(refusal);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const ends: unknown[] = [];
  realSocket({
    open: (url, protocols) => new WebSocket(url, protocols),
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: '',
    lastId: undefined,
    received: () => undefined,
    ended: (...end) => ends.push(end),
  });
  const [connection] = await connected;
  t.teardown(() => {
    connection.destroy();
    server.close();
  });
  await once(connection, 'end', { signal: AbortSignal.timeout(5_000) });
  t.same(ends, [[1006, 'HTTP 503', 2_000]], 'its end is told once, with the cause');
});
