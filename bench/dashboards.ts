/**
 * `npm run dashboards [SECONDS]`: two pods on one Redis and one PostgreSQL under load, and Debian's Prometheus, which
 * scrapes them. Every expression of the dashboards and alerts in `deploy/` is asked. Ends with 1 when one
 * has no data.
 */
import { checkRules, startPrometheus } from '../spec/support/prometheus.js';
import {
  dataWithin,
  loadOutbox,
  loadPod,
  metricNames,
  metricsIn,
  questions,
  withoutData,
} from '../spec/support/dashboards.js';
import { startProcess } from '../spec/support/pod.js';
import { startPostgres } from '../spec/support/postgres.js';
import { startRedis } from '../spec/support/redis.js';
import { setTimeout as sleep } from 'node:timers/promises';

const SECONDS = Number(process.argv[2] ?? 30);
const MEMBERS = 100;

const ends: (() => unknown)[] = [];
const t = { teardown: (work: () => unknown): void => void ends.unshift(work) };

const ask = async (): Promise<boolean> => {
  process.stdout.write(checkRules());
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, AUTH_ENABLED: 'false' };
  const pods = await Promise.all([1, 2].map(() => startProcess(t, env)));
  const ports = pods.map(({ doors }) => doors.port);
  const prometheus = await startPrometheus(ports);
  t.teardown(() => prometheus.stop());
  let isOver = false;
  const loads = [
    ...ports.map((port) => loadPod(port, MEMBERS, () => isOver)),
    loadOutbox(postgres.url, () => isOver),
  ];
  console.log(`two pods, ${MEMBERS} members each, load for ${SECONDS} s`);
  await sleep(SECONDS * 1_000);
  const asked = await questions(prometheus);
  await dataWithin(prometheus, asked, 10);
  const known = metricNames((await pods[0]!.doors.get('/metrics')).body);
  const missing = new Set((await withoutData(prometheus, asked)).map(({ where }) => where));
  let isGood = true;
  for (const { where, expression } of asked) {
    const gone = metricsIn(expression).filter((metric) => !known.has(metric));
    const isBad = missing.has(where) || gone.length > 0;
    if (isBad) isGood = false;
    const series = await prometheus.series(expression);
    console.log(
      `${isBad ? 'NO DATA' : 'ok     '}  ${where}: ${series} series${gone.map((name) => `; no metric ${name}`).join('')}`,
    );
    if (isBad) console.log(`         ${expression}`);
  }
  console.log(`${asked.length} expressions. verdict: ${isGood ? 'ok' : 'FAILED'}`);
  isOver = true;
  await Promise.all(loads);
  return isGood;
};

let isGood = false;
try {
  isGood = await ask();
} finally {
  for (const end of ends) await end();
}
process.exit(isGood ? 0 : 1);
