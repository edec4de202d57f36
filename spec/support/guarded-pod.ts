/** A pod that requires a token, and handshakes with it. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Test } from 'tap';
import { BASE, type Doors, type Pod, startPod } from './pod.js';
import { type Answer, frame, handshakeOf, type RawClient, TEXT } from './raw-client.js';
import { jwkOf, pairFor, SECRET, tokenOf } from './tokens.js';

type Overrides = NonNullable<Parameters<typeof startPod>[1]>;

const BY_SECRET = { authEnabled: true, jwtSecret: SECRET, apiKeys: ['key-of-one'] } as const;

export const guarded = (t: Test, overrides: Overrides = {}): Promise<Pod> =>
  startPod(t, { ...overrides, access: { ...BY_SECRET, ...overrides.access } });

export const bearer = (token: string): Record<string, string> => ({
  Authorization: `Bearer ${token}`,
});

/** The answer to a handshake. */
export const knock = async (
  pod: Doors,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer & { readonly client: RawClient }> => {
  const client = await pod.raw();
  client.write(handshakeOf(`${BASE}${path}`, headers));
  return { ...(await client.answer()), client };
};

export const ask = async (
  pod: Doors,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: string }> => {
  const answer = await fetch(`http://127.0.0.1:${pod.port}${path}`, { ...init, headers });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
};

/** A frame with a chat; its data shows whether it was handled twice. */
export const chat = (data: unknown): Buffer => frame(TEXT, JSON.stringify({ type: 'chat', data }));

/** The `data` of all chats that the client got. */
export const received = (
  client: RawClient,
): readonly { readonly event?: string; readonly code?: string }[] =>
  client.texts().map((text) => (JSON.parse(text) as { readonly data: object }).data);

// while the identity is not known yet

const ES256 = pairFor('ES256');

export const byKey = (claims: object = {}): string =>
  tokenOf(claims, { alg: 'ES256', key: ES256.privateKey, header: { kid: 'k1' } });

/** A pod whose keys come from a server of their own, and that server: it answers when the spec says so. */
export const farKeys = async (
  t: Test,
  overrides: Overrides = {},
): Promise<{ readonly pod: Pod; readonly asked: () => number; readonly answer: () => void }> => {
  const waiting: (() => void)[] = [];
  let asked = 0;
  const serve: RequestListener = (_request, response) => {
    asked += 1;
    waiting.push(() => response.end(JSON.stringify({ keys: [jwkOf(ES256.publicKey, 'k1')] })));
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const jwtJwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const pod = await startPod(t, { ...overrides, access: { authEnabled: true, jwtJwksUrl } });
  return { pod, asked: () => asked, answer: () => waiting.splice(0).forEach((go) => go()) };
};
