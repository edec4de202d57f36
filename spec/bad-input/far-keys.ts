/** A server of keys that is slow, wrong or gone, and the handshakes meanwhile. */
import { once as event } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BASE } from '../support/pod.js';
import { frame, handshakeOf, TEXT } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { jwkOf, pairFor, tokenOf } from '../support/tokens.js';
import { bearer, type Headers, KEY } from './knocks.js';
import { isProblem } from './handshake.js';
import { once, type Row } from './row.js';

export function http(method: string, path: string, headers: Headers, due: number): Row {
  const who =
    headers['Authorization'] === undefined
      ? 'no token'
      : due === 401
        ? 'a bad token'
        : 'a token without the right';
  return {
    row: 'P04',
    sent: `${method} ${path}, ${who}`,
    due: String(due),
    counted: once(`rejected ${due}`),
    play: async (stage) => {
      const { status, headers: answered, body } = await stage.get(path, method, headers);
      return isProblem(
        status,
        new Map(Object.entries(answered).map(([name, text]) => [name, String(text)])),
        body,
      )
        ? String(status)
        : body;
    },
  };
}

/** The server of `JWT_JWKS_URL` for a pod without keys of its own: it answers when the spec says so. */
export interface FarKeys {
  readonly env: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  readonly stop: () => void;
}

export const farKeys = async (): Promise<FarKeys> => {
  const ES256 = pairFor('ES256');
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => waiting.push(response)).listen(
    0,
    '127.0.0.1',
  );
  await event(server, 'listening');
  const answer = (): void => {
    for (const response of waiting.splice(0))
      response.end(JSON.stringify({ keys: [jwkOf(ES256.publicKey, 'k1')] }));
  };
  const by = (claims: object = {}): Headers =>
    bearer(tokenOf(claims, { alg: 'ES256', key: ES256.privateKey, header: { kid: 'k1' } }));
  const chat = (data: string): Buffer => frame(TEXT, JSON.stringify({ type: 'chat', data }));
  return {
    env: {
      AUTH_ENABLED: 'true',
      JWT_JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
      API_KEYS: KEY,
    },
    rows: [
      {
        row: 'H28',
        sent: 'while nobody knows who it is: one goes, one sends 10 MB and goes',
        due: 'nothing is taken',
        // who flooded is refused, though it has gone: it was not read that it did
        counted: { 'rejected 503': 1 },
        play: async (stage) => {
          const clients = [await stage.raw(), await stage.raw()];
          for (const client of clients) client.write(handshakeOf(`${BASE}/ws/general`, by()));
          await until('the keys are asked for', () => waiting.length > 0);
          clients[1]?.write(
            Buffer.concat(Array.from({ length: 200 }, () => chat('x'.repeat(50_000)))),
          );
          await stage.settled();
          const answered = clients.map((client) => client.text()).join('');
          for (const client of clients) client.destroy();
          await stage.settled();
          for (const response of waiting.splice(0)) response.destroy();
          // whoever has no keys asks again after a second
          await sleep(1_100);
          return answered === '' && !stage.received().some(({ type }) => type === 'chat')
            ? 'nothing is taken'
            : answered;
        },
      },
      {
        row: 'J18',
        sent: 'messages before it is known who it is',
        due: 'heard in order, once',
        play: async (stage) => {
          const client = await stage.raw();
          client.write(
            Buffer.concat([
              Buffer.from(handshakeOf(`${BASE}/ws/general`, by({ sub: 'early' }))),
              chat('a'),
              chat('b').subarray(0, 9),
            ]),
          );
          await stage.settled();
          client.write(Buffer.concat([chat('b').subarray(9), chat('c')]));
          answer();
          const received = (): string =>
            stage
              .received()
              .flatMap(({ type, from, data }) =>
                type === 'chat' && from === 'early' ? [String(data)] : [],
              )
              .join();
          await until('all of it', () => received().length >= 5);
          await stage.settled();
          return received() === 'a,b,c' ? 'heard in order, once' : received();
        },
      },
    ],
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
