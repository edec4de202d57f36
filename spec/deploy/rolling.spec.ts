/** Rolling restarts of three pods behind nginx, in small. `npm run rolling` does ten, with a browser and a peer. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { WebSocket } from 'ws';
import { connect } from '../../lib/client/index.js';
import { asProgram } from '../support/credentials.js';
import { startNginxPods } from '../support/nginx-pods.js';
import { ask, BASE } from '../support/pod.js';
import { HOST, until } from '../support/redis.js';

const CLIENTS = 20;
const EVERY_MS = 20;

t.test('when pods are restarted in turn, then clients that resume miss nothing', async (t) => {
  const cluster = await startNginxPods({ env: { DRAIN_MS: '2000' } });
  t.teardown(cluster.stop);
  const { nginx, pods } = cluster;

  const closes: number[] = [];
  class Watched extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols, { perMessageDeflate: false });
      this.on('error', () => undefined);
      this.on('close', (code) => closes.push(code));
    }
  }
  const chats = Array.from({ length: CLIENTS }, () =>
    connect({ url: `ws://${HOST}:${nginx.port}${BASE}/ws`, WebSocket: Watched }),
  );
  let gaps = 0;
  const shown = chats.map((chat) => {
    const numbers: unknown[] = [];
    const room = chat.room('general');
    room.message$.subscribe(({ data }) => numbers.push(data));
    room.gap$.subscribe(() => gaps++);
    return numbers;
  });
  const room = chats[0]?.room('general');

  let published = 0;
  const refused: unknown[] = [];
  const again: number[] = [];
  const byHttp = async (data: number): Promise<void> => {
    const headers = asProgram({ 'Content-Type': 'application/json' });
    const path = `${BASE}/messages`;
    const body = JSON.stringify({ room: 'general', data, id: `n${data}` });
    // nginx sends no POST to a second pod: a program asks again, under the same id, when a pod that drains has
    // refused (503), or has ended before its answer (502)
    for (let tries = 0; tries < 3; tries++) {
      const { status } = await ask({ port: nginx.port, path, method: 'POST', headers }, body);
      if (status === 202) return;
      again.push(status);
    }
    refused.push(...again.slice(-3));
  };
  const publish = (): void => {
    const n = published++;
    const sent = n % 2 === 0 ? byHttp(n) : room?.publish(n);
    sent?.catch((error: unknown) => refused.push(error));
  };
  const load = setInterval(publish, EVERY_MS);
  t.teardown(() => clearInterval(load));
  await until('all receive', () => shown.every(({ length }) => length > 0));
  // what was published before all were there is not judged
  const from = published;
  const judged = (numbers: readonly unknown[]): readonly number[] =>
    numbers.map(Number).filter((n) => n >= from);

  for (const pod of pods) {
    t.equal(await pod.drain(), 0, `${pod.name} ends with 0`);
    await pod.start();
    await sleep(300);
  }
  clearInterval(load);
  const expected = Array.from({ length: published - from }, (_, i) => from + i);
  await until('everything was shown', () =>
    shown.every((numbers) => new Set(judged(numbers)).size === expected.length),
  ).catch(() => undefined);

  for (const numbers of shown)
    t.strictSame(
      [...judged(numbers)].sort((one, other) => one - other),
      expected,
    );
  t.strictSame([gaps, refused], [0, []], 'no gap, no publish refused');
  t.comment(
    nginx
      .accessLog()
      .filter((line) => line.includes('"status":"502"'))
      .join('\n'),
  );
  t.strictSame(
    again.filter((status) => status !== 502 && status !== 503),
    [],
    `${again.length} requests were sent again`,
  );
  t.strictSame(
    closes.filter((code) => code === 1006),
    [],
    'no connection was cut',
  );
  t.ok(closes.length >= CLIENTS, `${closes.length} connections were closed`);
  for (const chat of chats) chat.close();
});
