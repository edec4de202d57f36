/**
 * Metrics that are requested without a pause are rendered once in a while, the same for all; metrics that are
 * requested seldom are fresh.
 */
import t from 'tap';
import { cachedRender } from '../../lib/telemetry/cached-metrics.js';
import { startPod } from '../support/pod.js';
import { until } from '../support/redis.js';

/** Renders its own number, in so many ms; the first ones fail. */
const world = (ms: number, failing = 0) => {
  let now = 1_000;
  let rendered = 0;
  const ask = cachedRender(
    async () => {
      rendered++;
      now += ms;
      if (rendered <= failing) throw new Error('cannot');
      return `${rendered}`;
    },
    () => now,
  );
  return {
    ask: async () => (await ask()).toString(),
    pass: (more: number) => {
      now += more;
    },
  };
};

t.test(
  'when metrics are requested seldom, then they are fresh; when without a pause, then they are cached',
  async (t) => {
    const { ask, pass } = world(0.5);
    t.strictSame(await Promise.all([ask(), ask(), ask()]), ['1', '1', '1'], 'asked meanwhile');
    for (let i = 2; i <= 100; i++) t.equal(await ask(), `${i}`);
    let last = '';
    for (let i = 0; i < 1_000; i++) {
      last = await ask();
      pass(1);
    }
    t.ok(Number(last) < 220, `rendered ${last} times in a second and a half`);
    pass(2_000);
    t.equal(await ask(), `${Number(last) + 1}`);
    t.equal(await ask(), `${Number(last) + 2}`);
  },
);

t.test('when metrics are answered, then they are at most 100 ms old', async (t) => {
  const { ask, pass } = world(300);
  t.equal(await ask(), '1');
  pass(99);
  t.equal(await ask(), '1');
  pass(1);
  t.equal(await ask(), '2');
});

t.test('when a rendering failed, then the next request renders again', async (t) => {
  const { ask } = world(1, 2);
  await t.rejects(ask());
  await t.rejects(ask());
  t.equal(await ask(), '3');
});

t.test(
  'when 100 scrapes come at once, then a few renderings serve them, and a later scrape is fresh',
  async (t) => {
    const pod = await startPod(t);
    const one = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n';
    const client = await pod.raw();
    const answered = (): readonly string[] => client.text().split('HTTP/1.1 200 OK').slice(1);
    client.write(one.repeat(99) + one.replace('Host', 'Connection: close\r\nHost'));
    await client.ended();
    t.equal(answered().length, 100);
    const bodies = new Set(answered().map((answer) => answer.slice(answer.indexOf('\r\n\r\n'))));
    t.ok(bodies.size <= 10, `${bodies.size} renderings`);
    await pod.connect('/ws/r');
    await until('it shows', async () =>
      /^realtime_connections_total 1$/m.test((await pod.get('/metrics')).body),
    );
    const { headers, body } = await pod.get('/metrics', 'HEAD');
    t.equal(body, '');
    t.ok(Number(headers['content-length']) > 5_000);
    t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  },
);

t.test('when counters are rendered, then each also has a name with `_total`', async (t) => {
  const pod = await startPod(t);
  const client = await pod.connect('/ws/general');
  client.send({ type: 'chat', data: 1 });
  await client.received({ data: 1 });
  client.send({ type: 'nonsense' });
  await client.received({ type: 'error' });
  const text = await pod.app.metrics();
  const counters = [...text.matchAll(/^# TYPE (realtime_\w+) counter$/gm)].map(([, name]) => name!);
  for (const name of counters.filter((name) => !name.endsWith('_total')))
    t.ok(counters.includes(`${name}_total`), name);
  for (const name of ['realtime_messages_received', 'realtime_rejected{code="unknown_type"}']) {
    t.equal(await pod.metric(name), 1, name);
    t.equal(await pod.metric(name.replace(/(?=\{|$)/, '_total')), 1, `${name}, with _total`);
  }
  t.equal(await pod.metric('realtime_connections_opened_total'), 1);
  t.match(text, /^realtime_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
});
