/** The answers to an unknown path, to a slash too many, and to a message that is too big. */
import t from 'tap';
import { unknownPath } from '../../lib/http/endpoints.js';
import { BASE, startPod } from '../support/pod.js';

t.test('when a path is unknown, then base path and nearest endpoints are named', async (t) => {
  const endpoints = [
    'GET /health',
    'GET /b/ws',
    'POST /b/messages',
    'GET /b/rooms/{room}/messages',
  ];
  t.equal(
    unknownPath({ method: 'GET', path: '/messages' }, '/b', endpoints),
    'path: there is no such endpoint; the base path is /b. WebSockets are at /b/ws, /b/ws/{room} and ' +
      '/b/ws?room={room}. The nearest endpoints are POST /b/messages, GET /b/rooms/{room}/messages, GET /health',
  );
  t.match(
    unknownPath({ method: 'GET', path: `/${'x/'.repeat(8_000)}` }, '', endpoints),
    /the base path is \/\. WebSockets are at \/ws, .*The nearest/,
  );
  const pod = await startPod(t);
  const { status, body } = await pod.get('/ws/general?token=hunter2');
  t.equal(status, 404);
  t.match(body, `The nearest endpoints are GET ${BASE}/ws`);
  const roomForWs = await pod.get(`${BASE}/general`);
  t.equal(roomForWs.status, 404, 'the name of a room in place of `ws/general`');
  t.match(
    roomForWs.body,
    `WebSockets are at ${BASE}/ws, ${BASE}/ws/{room} and ${BASE}/ws?room={room}.`,
  );
  t.notMatch(body, /hunter2/);
});

t.test('when a path is misspelt, then the endpoint that is meant is named first', async (t) => {
  const pod = await startPod(t);
  for (const [method, path, meant] of [
    ['POST', `${BASE}/message`, `POST ${BASE}/messages`],
    ['POST', '/mesages', `POST ${BASE}/messages`],
    ['GET', '/mesages', `POST ${BASE}/messages`],
    ['POST', '/publish', `POST ${BASE}/messages`],
    ['POST', `${BASE}/publish`, `POST ${BASE}/messages`],
    ['POST', '/api/chatapi/messages', `POST ${BASE}/messages`],
    ['GET', '/wss/general', `GET ${BASE}/ws/{room}`],
    ['GET', `${BASE}/wss/general`, `GET ${BASE}/ws/{room}`],
    ['GET', `${BASE}/room/general`, `GET ${BASE}/rooms/{room}`],
    ['GET', `${BASE}/rooms/general/history`, `GET ${BASE}/rooms/{room}`],
    ['DELETE', `${BASE}/users/alice`, `DELETE ${BASE}/users/{id}/connections`],
    ['GET', '/heath', 'GET /health'],
    ['HEAD', '/healthz', 'GET /health'],
    ['GET', '/metric', 'GET /metrics'],
  ] as const) {
    const url = `http://127.0.0.1:${pod.port}${path}`;
    const detail =
      method === 'HEAD'
        ? undefined
        : ((await (await fetch(url, { method })).json()) as { readonly detail: string }).detail;
    if (detail !== undefined)
      t.match(`${detail},`, `nearest endpoints are ${meant},`, `${method} ${path}`);
    else t.equal((await fetch(url, { method })).status, 404);
  }
});

t.test('when a slash follows the room, then the answer says so', async (t) => {
  const pod = await startPod(t);
  for (const path of [`${BASE}/ws/general/`, `${BASE}/ws/`]) {
    const plain = await pod.get(path);
    t.match(plain, { status: 400, body: /ends with a slash; leave the slash out/ }, path);
  }
});

t.test('when a message is too big, then the reason of the close names the limit', async (t) => {
  const pod = await startPod(t);
  const client = await pod.connect('/ws/general');
  const closed = new Promise<readonly [number, string]>((resolve) =>
    client.socket.once('close', (code: number, reason: Buffer) =>
      resolve([code, reason.toString()]),
    ),
  );
  client.send({ type: 'chat', data: 'x'.repeat(65_536) });
  t.strictSame(await closed, [1009, 'message over 65536 bytes']);
});
