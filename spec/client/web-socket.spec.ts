/** Handshakes that are refused, as the client sees them with `ws`, and sockets that cannot be made. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, NEVER } from 'rxjs';
import t from 'tap';
import { WebSocket } from 'ws';
import { START, type State } from '../../lib/client/state.js';
import { webSocketInputs } from '../../lib/client/web-socket.js';

const before: State = {
  ...START,
  nowMs: 1_000,
  chance: 0.5,
  connections: [{ socket: 0, liveAt: Infinity, silentAt: 0, rooms: new Map() }],
};

t.test(
  'when a handshake is refused, then the table of close codes decides by the code with the same meaning',
  async (t) => {
    let answer: [number, Record<string, string>] = [500, {}];
    const server = createServer().on('upgrade', (_, socket) => {
      const [status, headers] = answer;
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${status} x\r\nConnection: close\r\n${lines.join('')}\r\n`);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.teardown(() => server.close());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const after = async (status: number, headers = {}): Promise<State> => {
      answer = [status, headers];
      const inputs$ = webSocketInputs(0, () => new WebSocket(url), NEVER);
      return (await firstValueFrom(inputs$))(before);
    };
    for (const [status, code] of [
      [400, 4500],
      [403, 4513],
    ] as const)
      t.match((await after(status)).final, { code, because: `HTTP ${status}` });
    t.match(await after(401), { isTokenRefused: true, retryAt: 1_000, final: undefined });
    t.match(await after(429, { 'Retry-After': '7' }), { retryAt: 8_000, because: 'HTTP 429' });
    t.match(await after(503, { 'Retry-After': '2' }), { retryAt: 3_000 });
    t.match(await after(503, { 'Retry-After': '-1' }), { retryAt: 1_125 }, 'no time to wait');
    t.match(await after(502), { retryAt: 1_125, final: undefined });
  },
);

t.test('when no socket can be made, then the client is closed, and says why', async (t) => {
  const inputs$ = webSocketInputs(0, () => new WebSocket('not a URL'), NEVER);
  t.match((await firstValueFrom(inputs$))(before).final, { code: 1002, because: /Invalid URL/ });
});
