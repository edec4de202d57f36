/** Bodies of requests: their size, their pace, their end, and how many at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { accepted, chunk, head, MIB, PATH, post, receivedBy } from '../support/http-publishing.js';
import { BASE, type HttpAnswer, startPod } from '../support/pod.js';
import { isProblem } from '../support/problem.js';
import { until } from '../support/redis.js';

t.test(
  'when a body exceeds 1 MiB, by its length or its chunks, then it gets 413 and the connection ends',
  async (t) => {
    const pod = await startPod(t);
    const client = await pod.connect('/ws/r');
    const message = '[{"room":"r","data":"fine"}]';
    const {
      ids: [id = ''],
    } = accepted(await post(pod, message.padEnd(MIB)));
    await client.received({ id });
    const full = await pod.raw();
    full.write(head(['Transfer-Encoding: chunked']));
    full.write(`${message.length.toString(16)}\r\n${message}\r\n`);
    full.write(`${chunk(MIB - message.length)}0\r\n\r\n`);
    t.equal((await full.answer()).status, 202);

    isProblem(
      t,
      await post(pod, message.padEnd(MIB + 1)),
      413,
      'body: expected at most 1048576 bytes',
    );
    // who sends on and on gets the answer all the same
    isProblem(t, await post(pod, ' '.repeat(20 * MIB)), 413);

    const deaf = await pod.raw();
    deaf.pause();
    deaf.write(head([`Content-Length: ${8 * MIB}`]));
    for (let i = 0; i < 8; i++) deaf.write(' '.repeat(MIB));
    await new Promise((resolve) => setTimeout(resolve, 200));
    deaf.resume();
    t.equal((await deaf.answer()).status, 413, 'also who looks for it when all is sent');

    for (const [what, lines] of [
      ['by its length', [`Content-Length: ${MIB + 1}`]],
      ['far beyond', ['Content-Length: 99999999999999']],
    ] as const) {
      const one = await pod.raw();
      one.write(head(lines));
      const { status, headers } = await one.answer();
      t.strictSame([status, headers.get('connection')], [413, 'close'], what);
      await one.ended();
    }
    const chunked = await pod.raw();
    chunked.write(head(['Transfer-Encoding: chunked']));
    for (let i = 0; i < 8; i++) chunked.write(chunk(MIB / 8));
    await new Promise((resolve) => setTimeout(resolve, 50));
    t.equal(chunked.text(), '', 'not before it is too long');
    chunked.write(chunk(1));
    const { status, headers } = await chunked.answer();
    t.strictSame([status, headers.get('connection')], [413, 'close'], 'by its chunks');
    const answered = chunked.text();
    for (let i = 0; i < 16; i++) chunked.write(chunk(MIB));
    chunked.write(`0\r\n\r\n${head(['Content-Length: 2'])}{}`);
    await chunked.ended();
    t.equal(chunked.text(), answered, 'nothing behind it is answered');
    t.equal(receivedBy(client).length, 2);
  },
);

t.test('when a request expects 100-continue, then its headers decide the answer', async (t) => {
  const pod = await startPod(t);
  const message = '{"room":"","data":1}';
  const polite = await pod.raw();
  polite.write(head(['Expect: 100-continue', `Content-Length: ${message.length}`]));
  await until('100', () => polite.text().includes('\r\n\r\n'));
  t.match(polite.text(), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  polite.write(message);
  await until('202', () => polite.text().includes('HTTP/1.1 202'));
  const large = await pod.raw();
  large.write(head(['Expect: 100-continue', `Content-Length: ${MIB + 1}`]));
  t.equal((await large.answer()).status, 413);
  await large.ended();
  t.notMatch(large.text(), /100 Continue/);
  const other = await pod.raw();
  other.write(head(['Expect: 200-ok', 'Content-Length: 2']));
  t.equal((await other.answer()).status, 417);
});

t.test(
  'when a body does not come, then the answer is 408; when it breaks off, then nothing is published',
  async (t) => {
    const pod = await startPod(t, { limits: { handshakeTimeoutMs: 300 } });
    for (const lines of [['Content-Length: 100'], ['Transfer-Encoding: chunked']]) {
      const slow = await pod.raw();
      slow.write(`${head(lines)}${lines[0] === 'Content-Length: 100' ? '{"data"' : '5\r\n{"dat'}`);
      const { status, headers } = await slow.answer();
      t.equal(status, 408);
      t.match(headers.get('content-type'), 'application/problem+json');
      await slow.ended();
      t.equal(slow.text().match(/^HTTP\/1\.1/gm)?.length, 1, 'one answer');
    }
    for (let i = 0; i < 20; i++) {
      const gone = await pod.raw();
      gone.write(`${head(['Content-Length: 100'])}{"data":1`);
      gone.destroy();
    }
    accepted(await post(pod, { room: '', data: 1 }));
  },
);

t.test('when a hundred requests come in one write, then all are answered in order', async (t) => {
  const pod = await startPod(t);
  const client = await pod.connect('/ws/r');
  const socket = await pod.raw();
  const one = (i: number): string => {
    const body = JSON.stringify({ room: 'r', data: i, ...(i % 10 === 9 ? { type: 'none' } : {}) });
    return `${head([`Content-Length: ${body.length}`])}${body}`;
  };
  socket.write(Array.from({ length: 100 }, (_, i) => one(i)).join(''));
  const statuses = (): readonly string[] =>
    [...socket.text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
  await until('all are answered', () => statuses().length === 100);
  t.strictSame(
    statuses(),
    Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? '400' : '202')),
  );
  await until('all are heard', () => receivedBy(client).length === 90);
  const ids = [...socket.text().matchAll(/\{"id":"([^"]+)"\}/g)].map(([, id]) => id);
  t.strictSame(
    receivedBy(client).map(({ id }) => ids.indexOf(id)),
    Array.from({ length: 90 }, (_, i) => i),
  );
});

t.test(
  'when the method is not allowed, then 405 names those that are, without waiting for the body',
  async (t) => {
    const pod = await startPod(t);
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await pod.get(PATH, method);
      t.strictSame([answer.status, answer.headers['allow']], [405, 'POST'], method);
    }
    for (const path of [`${PATH}/`, `${PATH}/1`, `${BASE}/message`, '/messages', `//${PATH}`])
      t.equal((await pod.get(path, 'POST')).status, 404, path);
    const put = await pod.raw();
    put.write(head(['Content-Length: 1000']).replace('POST', 'PUT'));
    const { status, headers } = await put.answer();
    t.strictSame([status, headers.get('connection')], [405, 'close']);
    await put.ended();
    t.equal((await pod.get(`${PATH}?x=${'y'.repeat(8_192)}`, 'POST')).status, 400);
  },
);

t.test('when a pod shuts down, then a publish gets 503 with Retry-After', async (t) => {
  const pod = await startPod(t, { server: { drainMs: 1_000 } });
  const client = await pod.connect('/ws/r');
  const stopped = pod.app.stop();
  await client.received({ data: { event: 'draining' } });
  const answer = await post(pod, { room: 'r', data: 1 });
  isProblem(t, answer, 503, 'the server is shutting down');
  t.equal(answer.headers['retry-after'], '1');
  t.equal(receivedBy(client).length, 0);
  await stopped;
});

t.test('when a publish is on its way as a pod ends, then it gets 503, and not a cut', async (t) => {
  const pod = await startPod(t, { server: { drainMs: 10_000 } });
  const proxy = await pod.raw();
  proxy.write('GET /health HTTP/1.1\r\nHost: h\r\n\r\n');
  t.equal((await proxy.answer()).status, 200);
  const stopped = pod.app.stop();
  await sleep(20);
  await t.rejects(pod.raw(), { code: 'ECONNREFUSED' }, 'a proxy asks another pod');
  proxy.write(`${head(['Content-Length: 1'])}1`);
  await proxy.ended();
  t.match(proxy.text(), /HTTP\/1.1 503 [^]*connection: close/i);
  await stopped;
});

t.test(
  'when too many bodies are open, then the next one gets 503; a body that breaks off frees its memory',
  async (t) => {
    const pod = await startPod(t);
    const halves = await Promise.all(
      Array.from({ length: 31 }, async () => {
        const half = await pod.raw();
        half.write(`${head([`Content-Length: ${MIB}`])}[{"room":"","data"`);
        return half;
      }),
    );
    const full = (): Promise<HttpAnswer> => post(pod, '[{"room":"","data":1}]'.padEnd(MIB));
    await until('it is full', async () => (await full()).status === 503);
    const refused = await full();
    isProblem(t, refused, 503, 'body: too many request bodies are in progress; retry after 1 s');
    t.equal(refused.headers['retry-after'], '1');
    accepted(await post(pod, { room: '', data: 'small' }));
    for (const half of halves.slice(0, 5)) half.destroy();
    await until('there is room', async () => (await full()).status === 202);
    halves[5]?.write(`:1}]`.padEnd(MIB - '[{"room":"","data"'.length));
    t.equal((await halves[5]?.answer())?.status, 202, 'who was under way was not harmed');
  },
);
