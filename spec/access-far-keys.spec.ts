/**
 * Handshakes that wait for the keys of another server: their order, their end, and that they count as
 * connections.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ask, bearer, byKey, chat, farKeys, received, knock } from './support/guarded-pod.js';
import { BASE, startPod } from './support/pod.js';
import { handshakeOf } from './support/raw-client.js';
import { until } from './support/redis.js';

t.test(
  'when frames come before the token is verified, then they are handled afterwards, in order and once',
  async (t) => {
    const { pod, asked, answer } = await farKeys(t);
    const client = await pod.raw();
    const shake = Buffer.from(handshakeOf(`${BASE}/ws/general?token=${byKey()}`));
    client.write(Buffer.concat([shake, chat('in the same packet'), chat('half').subarray(0, 10)]));
    await until('the keys were asked for', () => asked() === 1);
    client.write(Buffer.concat([chat('half').subarray(10), chat('later')]));
    await sleep(50);
    t.equal(client.text(), '', 'nothing is said to somebody unknown');
    t.equal(pod.connections(), 0);
    answer();
    await until(
      'all of it',
      () => client.texts().filter((text) => text.includes('"chat"')).length === 3,
    );
    t.strictSame(
      received(client).map((data) => data.event ?? data),
      ['welcome', 'joined', 'joined', 'in the same packet', 'half', 'later'],
    );
    t.equal((await knock(pod, `/ws?token=${byKey()}`)).status, 101);
    t.equal(asked(), 1, 'the keys were asked for once');
  },
);

t.test(
  'when a client floods or closes while its token is verified, then the pod keeps nothing of it',
  async (t) => {
    const sockets: Socket[] = [];
    const seen = (message: unknown): void => {
      const { socket } = message as { readonly socket: Socket };
      sockets.push(socket);
    };
    subscribe('net.server.socket', seen);
    t.teardown(() => unsubscribe('net.server.socket', seen));
    const { pod, asked, answer } = await farKeys(t);
    const clients = await Promise.all(Array.from({ length: 8 }, () => pod.raw()));
    const atPod = (): readonly Socket[] =>
      sockets.filter(({ localPort }) => localPort === pod.port);
    await until('they were accepted', () => atPod().length === 8);
    const ours = atPod();
    for (const client of clients) client.write(handshakeOf(`${BASE}/ws/general?token=${byKey()}`));
    await until('the keys were asked for', () => asked() === 1);
    for (const client of clients.slice(0, 4)) client.write(Buffer.alloc(10_000_000));
    for (const client of clients.slice(4)) client.destroy();
    await sleep(300);
    const taken = ours.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    t.ok(taken < 4_000_000, `${taken} bytes of 40 MB were read`);
    answer();
    // zeros are no frame of a client's: not masked
    for (const client of clients.slice(0, 4)) {
      await client.ended();
      t.equal(client.closeCode(), 1002);
    }
    await until('all sockets are gone', () => ours.every(({ destroyed }) => destroyed));
    await until('nobody is left', () => pod.connections() === 0);
    for (const socket of ours) t.equal(socket.listenerCount('data'), 0);
    t.equal((await knock(pod, `/ws/general?token=${byKey()}`)).status, 101);
  },
);

t.test(
  'when the key server does not answer, then the handshake is refused at its time limit',
  async (t) => {
    const { pod, asked } = await farKeys(t, { limits: { handshakeTimeoutMs: 300 } });
    const started = performance.now();
    const { status, headers } = await knock(pod, `/ws?token=${byKey()}`);
    t.equal(status, 503, 'it is not known whether the token is good');
    t.match(headers.get('retry-after'), /^\d+$/);
    t.ok(performance.now() - started < 1_000);
    t.equal(asked(), 1);
    t.equal((await knock(pod, '/ws')).status, 401, 'who has none is told so');
  },
);

t.test(
  'when a handshake waits for keys, then it counts as a connection and is refused when the pod shuts down',
  async (t) => {
    const { pod, asked } = await farKeys(t, { server: { maxConnections: 2 } });
    const waiting = [await pod.raw(), await pod.raw()];
    for (const client of waiting) client.write(handshakeOf(`${BASE}/ws?token=${byKey()}`));
    await until('the keys were asked for', () => asked() === 1);
    await sleep(20);
    const full = await knock(pod, `/ws?token=${byKey()}`);
    t.equal(full.status, 503);
    t.match(JSON.parse(full.body), { detail: /it has 2 connections/ });
    const stopped = pod.app.stop();
    for (const client of waiting) {
      const { status, body } = await client.answer();
      t.equal(status, 503);
      t.match(JSON.parse(body), { detail: /shutting down/ });
    }
    await stopped;
  },
);

t.test(
  'when a client closes while its handshake waits, then its slot is free at once',
  async (t) => {
    const { pod, asked, answer } = await farKeys(t, {
      server: { maxConnections: 2 },
      limits: { maxConnectionsPerAddress: 2 },
    });
    const handshake = handshakeOf(`${BASE}/ws?token=${byKey()}`);
    for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const sockets = [0, 1].map(() => connect(pod.port, '127.0.0.1'));
      for (const socket of sockets) {
        t.teardown(() => socket.destroy());
        socket.write(handshake);
      }
      await until('the keys were asked for', () => asked() === 1);
      await until('both wait', async () => {
        const { status } = await knock(pod, `/ws?token=${byKey()}&last_id=x`);
        const third = await pod.raw();
        third.write(handshake);
        await sleep(20);
        third.destroy();
        return status === 400 && third.text().startsWith('HTTP/1.1 503');
      });
      for (const socket of sockets) socket[how]();
      const next = await pod.raw();
      await sleep(100);
      next.write(handshake);
      await sleep(50);
      t.equal(next.text(), '', `${how}: the next one may wait`);
      next.destroy();
      await sleep(100);
    }
    const last = [await pod.raw(), await pod.raw()];
    for (const client of last) client.write(handshake);
    await sleep(50);
    answer();
    for (const client of last) t.equal((await client.answer()).status, 101);
    await until('both are in', () => pod.connections() === 2);
    t.equal(asked(), 1);
    t.equal(await pod.metric('realtime_connections_total'), 2, 'and nobody who had gone');
  },
);

t.test(
  'when the keys cannot be fetched, then a token gets 503 and the event log has one line',
  async (t) => {
    const jwtJwksUrl = 'http://127.0.0.1:1/keys';
    const pod = await startPod(t, {
      access: { authEnabled: true, jwtJwksUrl, apiKeys: ['key-of-one'] },
    });
    const { status, headers } = await knock(pod, `/ws?token=${byKey()}`);
    t.equal(status, 503);
    t.equal(headers.get('www-authenticate'), undefined);
    t.equal((await ask(pod, `${BASE}/ws/stats`, bearer(byKey()))).status, 503);
    t.equal((await ask(pod, `${BASE}/ws/stats`, { 'X-API-Key': 'key-of-one' })).status, 200);
    t.match(
      pod.events.find(({ _tag }) => _tag === 'KeysUnavailable'),
      { detail: /ECONNREFUSED/ },
    );
  },
);
