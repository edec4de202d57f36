/**
 * `npm run workers`: one command with several workers, one of them killed (SIGKILL) every few seconds under load,
 * without Redis and with it. What clients of the library show is judged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { killWorkers } from '../spec/support/killed-workers.js';
import { startRedis } from '../spec/support/redis.js';

const [secondsText = '60', everyText = '5'] = process.argv.slice(2);
const [seconds, every] = [Number(secondsText), Number(everyText)];
if (!(seconds > 0) || !(every > 0)) {
  console.error('usage: npm run workers -- [seconds] [seconds between kills]');
  process.exit(2);
}

const ends: (() => unknown)[] = [];
const test = { teardown: (work: () => unknown) => void ends.unshift(work) };
const redis = await startRedis();
const sides = [
  { name: 'without Redis', env: {} },
  { name: 'with Redis', env: { REDIS_URL: redis.url } },
];
let isOk = true;
console.log(
  '| | acknowledged | refused | missing | twice | out of order | gaps | longest away, s | exit |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const { name, env } of sides) {
  const report = await killWorkers(test, {
    workers: Number(process.env['WORKERS'] ?? 2),
    env,
    rooms: 10,
    clients: 60,
    perSecond: Number(process.env['RATE'] ?? 300),
    kills: Math.floor(seconds / every),
    everyMs: every * 1_000,
  });
  const { acknowledged, refused, missing, twice, disordered, gaps, longestAwayMs, exitCode } =
    report;
  const away = (longestAwayMs / 1_000).toFixed(1);
  const cells = [
    name,
    acknowledged,
    refused.length,
    missing,
    twice,
    disordered,
    gaps,
    away,
    exitCode,
  ];
  console.log(`| ${cells.join(' | ')} |`);
  for (const text of new Set(refused)) console.log(`refused: ${text}`);
  isOk &&=
    refused.length + missing + twice + disordered + gaps === 0 &&
    exitCode === 0 &&
    acknowledged > 0;
  await sleep(100);
}
for (const end of ends) await end();
await redis.stop();
console.log(`verdict: ${isOk ? 'ok' : 'FAILED'}`);
process.exit(isOk ? 0 : 1);
