/** Private fields of ws that the code looks at, on a real socket. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, Socket } from 'node:net';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { ANONYMOUS, NO_AUTH } from '../../lib/auth/from-config.js';
import { ExpiryTimer } from '../../lib/auth/expiry-timer.js';
import { catchUps } from '../../lib/connection/catch-ups.js';
import { OutboxBudget } from '../../lib/connection/outbox-budget.js';
import type { Connection } from '../../lib/connection/connection.js';
import { connection } from '../../lib/connection/socket-connection.js';
import { endOnce } from '../../lib/connection/ws-internals.js';
import { configWith } from '../support/hub-world.js';
import { until } from '../support/redis.js';
import { virtualClock } from '../support/virtual-clock.js';

t.test(
  'when a part of a message has come, then isMidMessage is true until all of it has',
  async (t) => {
    const http = createServer();
    const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    let made: Connection | undefined;
    http.on('upgrade', (request, socket, head) => {
      if (!(socket instanceof Socket)) return;
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        const clock = virtualClock();
        const deps = {
          clock,
          config: configWith(),
          hooks: {},
          access: NO_AUTH,
          expiries: new ExpiryTimer(clock),
          outboxes: {
            bound: { messages: 1, bytes: 1 },
            now: () => 0,
            backlog: new OutboxBudget(1),
          },
          emit: () => undefined,
          catchUps: catchUps({
            clock,
            brokerMs: clock.wall,
            logTtlMs: 1,
            keepMs: 86_400_000,
            send: () => undefined,
          }),
          newId: () => 'c1',
          connections: new Set<Connection>(),
        };
        const resumes = { global: undefined, room: undefined };
        made = connection(deps)(webSocket, socket, {
          identity: ANONYMOUS,
          room: undefined,
          resumes,
        });
      });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const client = connect((http.address() as AddressInfo).port, '127.0.0.1');
    client.write(
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await until('the upgrade', () => made !== undefined, 5_000);
    const isMid = (expected: boolean, when: string): Promise<void> =>
      until(`${when}: ${expected}`, () => made?.isMidMessage === expected, 5_000);
    const rows: readonly (readonly [when: string, bytes: readonly number[], expected: boolean])[] =
      [
        ['half a header', [0x81], true],
        ['the rest: a text of two, masked', [0x82, 0, 0, 0, 0, 0x7b, 0x7d], false],
        ['a header that names ten bytes', [0x81, 0x8a, 0, 0, 0, 0], true],
        ['some of them', [1, 2, 3], true],
        ['all of them', [4, 5, 6, 7, 8, 9, 10], false],
        ['a fragment, whole', [0x01, 0x81, 0, 0, 0, 0, 0x61], true],
        ['a ping between', [0x89, 0x80, 0, 0, 0, 0], true],
        ['the last fragment', [0x80, 0x81, 0, 0, 0, 0, 0x62], false],
        ['an empty first fragment', [0x01, 0x80, 0, 0, 0, 0], true],
        ['and an empty last one', [0x80, 0x80, 0, 0, 0, 0], false],
      ];
    for (const [when, bytes, expected] of rows) {
      const before = made?.bytesRead ?? 0;
      client.write(Buffer.from(bytes));
      await until(when, () => (made?.bytesRead ?? 0) === before + bytes.length, 5_000);
      await isMid(expected, when);
      t.pass(when);
    }
    client.destroy();
    http.close();
    webSockets.close();
  },
);

t.test(
  "when a socket is ended again, then Node's `end` is not called, and everything written before was sent",
  async (t) => {
    const asked = t.capture(Socket.prototype, 'end', Socket.prototype.end);
    const server = createTcpServer((socket) => {
      endOnce(socket);
      t.equal(socket.end('one '), socket);
      socket.once('finish', () => {
        t.equal(socket.end(), socket);
        socket.once('close', () => {
          t.equal(socket.end(), socket);
          const calls = asked().filter(({ receiver }) => receiver === socket);
          t.strictSame(
            calls.map(({ args }) => args),
            [['one ']],
          );
          server.close();
        });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const texts: string[] = [];
    client.setEncoding('utf8').on('data', (text: string) => texts.push(text));
    await once(server, 'close');
    t.strictSame(texts, ['one ']);
  },
);
