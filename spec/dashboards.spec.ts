/**
 * The dashboards and alerts of `deploy/`: their form, and that Prometheus has data for each expression while it
 * scrapes a pod under load. `npm run dashboards` is the longer form.
 */
import t from 'tap';
import {
  beforeComparison,
  dataWithin,
  dashboards,
  loadOutbox,
  loadPod,
  metricNames,
  metricsIn,
  questions,
  withoutData,
} from './support/dashboards.js';
import { startProcess } from './support/pod.js';
import { checkRules, startPrometheus } from './support/prometheus.js';
import { startPostgres } from './support/postgres.js';
import { startRedis } from './support/redis.js';

t.test(
  'when a dashboard is imported, then ids are unique, and no panel covers another',
  async (t) => {
    t.ok(dashboards().length > 0);
    for (const [file, { panels, templating }] of dashboards()) {
      t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, file);
      t.ok(
        templating.list.some(({ name, type }) => name === 'datasource' && type === 'datasource'),
      );
      for (const { targets = [], title } of panels)
        for (const { datasource } of targets) t.equal(datasource.uid, '${datasource}', title);
      for (const { gridPos: one, title, id } of panels) {
        t.ok(one.x + one.w <= 24, title);
        const over = panels.filter(
          ({ gridPos: two, id: other }) =>
            other > id &&
            one.x < two.x + two.w &&
            two.x < one.x + one.w &&
            one.y < two.y + two.h &&
            two.y < one.y + one.h,
        );
        t.strictSame(
          over.map((panel) => panel.title),
          [],
          `${title} covers no other`,
        );
      }
    }
  },
);

t.test('when an alert ends with a comparison, then what is before it is asked', async (t) => {
  t.equal(beforeComparison('up{job="chat-api"} < 1'), 'up{job="chat-api"}');
  t.throws(() => beforeComparison('up{job="chat-api"}'), /end it with a comparison/);
});

t.test(
  'when a pod is under load, then each expression has data, and rules are valid',
  async (t) => {
    t.match(checkRules(), /SUCCESS: \d+ rules found/);
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const postgres = await startPostgres();
    t.teardown(() => postgres.stop());
    const env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, AUTH_ENABLED: 'false' };
    const pod = await startProcess(t, env);
    const prometheus = await startPrometheus([pod.doors.port]);
    t.teardown(() => prometheus.stop());
    let isOver = false;
    const loads = [
      loadPod(pod.doors.port, 10, () => isOver),
      loadOutbox(postgres.url, () => isOver),
    ];
    const asked = await questions(prometheus);
    t.ok(asked.length > 30, `${asked.length} expressions`);

    const known = metricNames((await pod.doors.get('/metrics')).body);
    for (const { where, expression } of asked)
      for (const metric of metricsIn(expression)) t.ok(known.has(metric), `${where}: ${metric}`);

    const missing = await dataWithin(prometheus, asked, 20);
    t.strictSame(
      missing.map(({ where }) => where),
      [],
    );
    t.strictSame(
      await withoutData(prometheus, [{ where: 'none', expression: 'realtime_gone' }]),
      [{ where: 'none', expression: 'realtime_gone' }],
      'a metric that nobody has is found',
    );
    isOver = true;
    await Promise.all(loads);
  },
);
