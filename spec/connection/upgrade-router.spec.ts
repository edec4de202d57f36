/** A lent server: which listener takes an upgrade, and the answer to an upgrade that none takes. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { app, configOf } from '../../lib/index.js';
import { doorsOf } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { certificate, until } from '../support/redis.js';
import { pairFor, tokenOf } from '../support/tokens.js';
import { CHAT, embed, isWelcome, lent, visitor } from '../support/lent-server.js';

const H2C = (method: string, path: string, body = ''): string =>
  [
    `${method} ${path} HTTP/1.1`,
    'Host: h',
    'Connection: Upgrade, HTTP2-Settings',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
    ...(body === '' ? [] : [`Content-Length: ${body.length}`]),
    '',
    body,
  ].join('\r\n');

t.test(
  'when no listener takes an upgrade, then it is answered as a request, with its body',
  async (t) => {
    const { server, doors, asked } = await lent(t);
    await embed(t, server);
    for (const [method, path, body] of [
      ['GET', '/', ''],
      ['POST', '/orders', '{"a":1}'],
      ['GET', '/api/chat-api/ws/stats', ''],
      ['GET', '/api/chat-api/rooms/r', ''],
    ] as const) {
      const client = await doors.raw();
      client.write(H2C(method, path, body));
      t.match(await client.answer(), { status: 418, body: `own page ${body}` }, path);
      await client.ended();
    }
    const client = await doors.raw();
    client.write(handshakeOf('/nobody'));
    t.equal((await client.answer()).status, 418, 'a WebSocket to a path of nobody');
    t.equal(asked.length, 5);
  },
);

t.test(
  'when a keep-alive connection offers an upgrade later, then it is answered too',
  async (t) => {
    const { server, doors } = await lent(t);
    server.keepAliveTimeout = 50;
    await embed(t, server);
    const client = await doors.raw();
    client.write('GET /first HTTP/1.1\r\nHost: h\r\n\r\n');
    await client.answer();
    client.write(H2C('GET', '/second'));
    await until('the second answer', () => client.text().split('own page').length === 3);
  },
);

t.test(
  'when an earlier answer of the program is under way, then it is finished first',
  async (t) => {
    const answers: (() => void)[] = [];
    const own = createServer((request, response) => {
      if (request.url === '/slow') answers.push(() => response.end('slow'));
      else response.end('fast');
    });
    own.listen(0, '127.0.0.1');
    await once(own, 'listening');
    t.teardown(() => own.close());
    await embed(t, own);
    const { port } = own.address() as AddressInfo;
    const at = doorsOf(t, port);
    const page = await at.raw();
    page.write(`GET /slow HTTP/1.1\r\nHost: h\r\n\r\n${H2C('GET', '/fast')}`);
    const chatter = await at.raw();
    chatter.write(`GET /slow HTTP/1.1\r\nHost: h\r\n\r\n${handshakeOf(CHAT)}`);
    await until('both wait', () => answers.length === 2);
    await sleep(50);
    t.equal(page.text() + chatter.text(), '', 'neither is cut nor overtaken');
    for (const answer of answers) answer();
    await until('both answers', () => /slow[^]*fast/.test(page.text()));
    await until('the handshake', () => /slow[^]*101 Switching[^]*welcome/.test(chatter.text()));
  },
);

t.test(
  'when the server is HTTPS, then upgrades and other requests work there as well',
  async (t) => {
    const folder = t.testdir({});
    const cert = certificate(folder);
    const key = readFileSync(join(folder, 'key.pem'));
    const { server, doors } = await lent(t, createTlsServer({ key, cert }));
    await embed(t, server);
    const ask = async (text: string, until: RegExp): Promise<string> => {
      const socket = connectTls({ port: doors.port, host: '127.0.0.1', rejectUnauthorized: false });
      t.teardown(() => socket.destroy());
      socket.write(text);
      let got = '';
      for await (const chunk of socket) {
        got += String(chunk);
        if (until.test(got)) break;
      }
      return got;
    };
    t.match(
      await ask(H2C('POST', '/orders', '{"a":1}'), /own page .*/),
      /418[^]*own page \{"a":1\}/,
    );
    t.match(await ask(handshakeOf(CHAT), isWelcome), /^HTTP\/1.1 101/);
  },
);

t.test('when the program has WebSockets of its own, then they are untouched', async (t) => {
  const { server, doors } = await lent(t);
  // a router that takes upgrades as requests
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    if (request.url !== '/router') return;
    new ServerResponse(request).assignSocket(socket as never);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\nConnection: Upgrade\r\n\r\n');
  });
  const { lost } = await embed(t, server);
  // added later, with a path of its own
  const own = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url === '/own') own.handleUpgrade(request, socket, head, (to) => to.send('own'));
  });
  const routed = await doors.raw();
  routed.write(handshakeOf('/router'));
  t.equal((await routed.answer()).status, 101);
  await sleep(100);
  t.notOk(routed.isEnded());
  t.equal((await visitor(t, doors.port, '/own')).outcome, 'own');
  const alice = await doors.connect('/ws/general');
  alice.send({ type: 'chat', data: 'hi' });
  await alice.received({ type: 'chat', data: 'hi' });
  t.equal(lost(), 0);
});

for (const added of ['before', 'after'] as const)
  t.test(
    `when a listener that was added ${added} the app takes every connection, then they are that listener's`,
    async (t) => {
      const { server, doors } = await lent(t);
      const greet = (): void => {
        const greedy = new WebSocketServer({ server });
        greedy.on('connection', (socket) => socket.send('theirs'));
        greedy.on('error', () => undefined);
        t.teardown(() => greedy.close());
      };
      if (added === 'before') greet();
      const { chat, lost } = await embed(t, server);
      if (added === 'after') greet();
      for (let i = 1; i <= 2; i++) {
        const { outcome, socket } = await visitor(t, doors.port, CHAT);
        t.equal(outcome, 'theirs');
        socket.ping();
        await once(socket, 'pong');
        t.equal(lost(), i);
      }
      t.match(await chat.metrics(), /realtime_rejected\{code="upgrade_taken"\} 2/);
      t.equal(chat.stats().connections, 0);
    },
  );

t.test(
  'when a listener refuses connections that are not below its path, then only such a connection is lost',
  async (t) => {
    const { server, doors } = await lent(t);
    const { lost } = await embed(t, server);
    const own = new WebSocketServer({ server, path: '/own' });
    own.on('connection', (socket) => socket.send('own'));
    t.teardown(() => own.close());
    t.equal((await visitor(t, doors.port, CHAT)).outcome, '400');
    t.equal((await visitor(t, doors.port, '/own')).outcome, 'own');
    t.equal(lost(), 1);
  },
);

t.test('when a listener only reads the request, then the app has its connections', async (t) => {
  const { server, doors } = await lent(t);
  const seen: string[] = [];
  server.on('upgrade', ({ url = '' }: IncomingMessage) => seen.push(url));
  const { lost } = await embed(t, server);
  t.match((await visitor(t, doors.port, CHAT)).outcome, isWelcome);
  t.strictSame(seen, [CHAT]);
  t.equal(lost(), 0);
});

t.test(
  'when another listener takes a connection while its token is verified, then the app leaves it alone',
  async (t) => {
    const { server, doors } = await lent(t);
    const own = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      setTimeout(() => own.handleUpgrade(request, socket, head, (to) => to.send('theirs')), 50);
    });
    const published = createServer((_request, response) => {
      setTimeout(() => response.end('{"keys":[]}'), 300);
    });
    published.listen(0, '127.0.0.1');
    await once(published, 'listening');
    t.teardown(() => published.close());
    const { port } = published.address() as AddressInfo;
    const { chat, lost } = await embed(t, server, {
      access: { authEnabled: true, jwtJwksUrl: `http://127.0.0.1:${port}/keys` },
    });
    const token = tokenOf({}, { alg: 'RS256', key: pairFor('RS256').privateKey });
    const { outcome, socket } = await visitor(t, doors.port, CHAT, {
      Authorization: `Bearer ${token}`,
    });
    t.equal(outcome, 'theirs');
    await until('the token was judged', () => lost() === 1);
    socket.ping();
    await once(socket, 'pong');
    t.equal(chat.stats().connections, 0);
  },
);

t.test(
  'when a request below the base path offers no upgrade, then the program answers',
  async (t) => {
    const { server, doors } = await lent(t);
    server.on('checkContinue', (_request: IncomingMessage, response: ServerResponse) =>
      response.writeHead(417).end(),
    );
    await embed(t, server);
    for (const path of ['/api/chat-api/ws', '/api/chat-api/ws/stats', '/health', '/metrics'])
      t.equal((await doors.get(path)).status, 418, path);
    const client = await doors.raw();
    client.write(
      'POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
    );
    t.equal((await client.answer()).status, 417, 'checkContinue is for the program');
    const errors: string[] = [];
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      errors.push(error.code ?? '');
      socket.end('HTTP/1.1 499 Odd\r\n\r\n');
    });
    const odd = await doors.raw();
    odd.write('nonsense\r\n\r\n');
    t.equal((await odd.answer()).status, 499, 'and clientError');
    t.equal(errors.length, 1);
  },
);

t.test('when the server closes first, then the app goes on until it is stopped', async (t) => {
  const end = new AbortController();
  const server = createServer();
  server.listen({ port: 0, host: '127.0.0.1', signal: end.signal });
  await once(server, 'listening');
  const { chat } = await embed(t, server);
  const doors = doorsOf(t, (server.address() as AddressInfo).port);
  const alice = await doors.connect('/ws/general');
  const closed = once(server, 'close');
  end.abort();
  server.closeAllConnections();
  alice.send({ type: 'chat', data: 'still here' });
  await alice.received({ type: 'chat', data: 'still here' });
  await chat.stop();
  t.equal(await alice.closed(), 1001);
  await closed;
});

t.test('when the option `server` is no server, then a TypeError says what to pass', (t) => {
  const config = configOf();
  if (config._tag === 'Left') throw new Error('no configuration');
  for (const server of [{}, () => undefined, null])
    t.throws(() => app({ config: config.right, server: server as never }), {
      name: 'TypeError',
      message: /^server: expected an HTTP server/,
    });
  t.end();
});
