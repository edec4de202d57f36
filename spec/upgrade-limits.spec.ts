/** Upgrades that are refused, offers that no listener takes, peers that disappear: no socket is left. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { asProgram } from './support/credentials.js';
import { chat, isUnharmed, podWith } from './support/limited-pod.js';
import { BASE } from './support/pod.js';
import { frame, handshakeOf, linesOf, TEXT } from './support/raw-client.js';
import { until } from './support/redis.js';

// handshakes

t.test(
  'when an upgrade is answered as a request, then no socket is left, whatever the peer does',
  async (t) => {
    const { pod, healthy } = await podWith(t);
    const refused: Socket[] = [];
    for (const path of ['/health', '/nowhere', '/metrics']) {
      // it never ends its side, and sends a byte from time to time
      const socket = connect({ port: pod.port, host: '127.0.0.1', allowHalfOpen: true });
      t.teardown(() => socket.destroy());
      socket.on('error', () => refused.push(socket));
      socket.write(handshakeOf(path, { Upgrade: 'h2c' }));
      socket.resume();
      await once(socket, 'end');
      const trickle = setInterval(() => socket.write('x'), 200);
      t.teardown(() => clearInterval(trickle));
    }
    await until('the server has let them go', () => refused.length === 3, 5_000);
    t.equal(
      await pod.metric('realtime_rejected{code="404"}'),
      1,
      'curl --http2 is a request, and counted once',
    );
    await isUnharmed(t, pod, healthy, 'half-open');
  },
);

t.test(
  'when a request offers an upgrade that is not taken, then it is answered as without the offer',
  async (t) => {
    const { pod, healthy } = await podWith(t);
    const post = (offer: string, headers: readonly string[]): string =>
      [
        `POST ${BASE}/messages HTTP/1.1`,
        linesOf(asProgram({ Host: 'x' })).trimEnd(),
        // as curl --http2 sends it
        'Connection: Upgrade, HTTP2-Settings',
        `Upgrade: ${offer}`,
        'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
        'Content-Type: application/json',
        ...headers,
        '',
        '',
      ].join('\r\n');
    for (const offer of ['h2c', 'websocket'])
      for (const [what, due, headers, ...pieces] of [
        ['at once', '202', ['Content-Length: LENGTH'], 'BODY'],
        ['chunked', '202', ['Transfer-Encoding: chunked'], 'SIZE\r\nBODY\r\n', '0\r\n\r\n'],
        ['when asked', '100, 202', ['Content-Length: LENGTH', 'Expect: 100-continue'], '', 'BODY'],
        ['later', '202', ['Content-Length: LENGTH'], '', 'BODY'],
        ['too large', '413', ['Content-Length: 99999999']],
        ['none', '415', ['Content-Length: 0', 'Content-Encoding: gzip']],
      ] as const) {
        const data = `${offer} ${what}`;
        const body = JSON.stringify({ room: 'general', data });
        const filled = (text: string): string =>
          text
            .replace('LENGTH', String(body.length))
            .replace('SIZE', body.length.toString(16))
            .replace('BODY', body);
        const client = await pod.raw();
        const [first = '', ...more] = pieces;
        client.write(filled(post(offer, headers) + first));
        for (const piece of more) {
          await sleep(30);
          client.write(filled(piece));
        }
        await client.ended();
        const statuses = [...client.text().matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code]) => code);
        t.equal(statuses.join(', '), due, data);
        if (due.endsWith('202')) await healthy.received({ data });
      }
    await isUnharmed(t, pod, healthy, 'offers');
    t.equal(healthy.all({ type: 'chat' }).length, 8);
    t.equal(await pod.metric('realtime_rejected{code="413"}'), 2, 'counted once');
  },
);

t.test('when peers disappear at any moment, then no socket of them is left', async (t) => {
  const { pod, healthy } = await podWith(t);
  const bytes = Buffer.concat([
    Buffer.from(handshakeOf(`${BASE}/ws/general`)),
    frame(TEXT, chat('x'.repeat(1000))),
  ]);
  for (let cut = 1; cut < bytes.length; cut += 37) {
    const client = await pod.raw();
    client.write(bytes.subarray(0, cut));
    client.destroy();
  }
  await isUnharmed(t, pod, healthy, 'vanished');
  await until('the room too', () => pod.app.stats('general').room?.connections === 1);
});
