/**
 * `npm run k6 -- [-e NAME=value] script`: runs a script of k6 in Node, for machines without k6. What it knows of k6:
 * `http`, `ws`, `check`, `sleep`, `group`, metrics, thresholds, stages and three executors; anything else is an error.
 */
import { judge } from './k6/thresholds.js';
import { metricsSince, summaryOf } from './k6/metrics.js';
import { optionsOf } from './k6/options.js';
import { outsider, startRun } from './k6/run.js';
import { loadScript } from './k6/script.js';

const USAGE = 'usage: npm run k6 -- [-e NAME=value]… script';
/** As k6: a threshold was crossed; the script has failed. */
const CROSSED = 99;
const FAILED = 107;
const EVERY_MS = 5_000;

const env: Record<string, string> = {};
const scripts: string[] = [];
const args = process.argv.slice(2);
for (let i = 0; i < args.length; i++) {
  const [, name, value] = /^(\w+)=(.*)$/s.exec(args[i + 1] ?? '') ?? [];
  if (args[i] !== '-e') scripts.push(args[i] ?? '');
  else if (name !== undefined && value !== undefined) {
    env[name] = value;
    i++;
  } else scripts.length = 0;
}
const [script] = scripts;
if (script === undefined || scripts.length !== 1) {
  console.error(USAGE);
  process.exit(2);
}

const log = (line: string): void => console.error(line);
const errors = new Map<string, number>();
const failed = (error: unknown): void => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const count = (errors.get(text) ?? 0) + 1;
  errors.set(text, count);
  if (count === 1) log(text);
};

const began = performance.now();
const metrics = metricsSince(began);
const exportsFor = loadScript(script, env);
const first = exportsFor(outsider(metrics, failed));
const options = optionsOf((first['options'] ?? {}) as Readonly<Record<string, unknown>>);
const called = async (name: string, data?: unknown): Promise<unknown> => {
  const work = first[name];
  return typeof work === 'function' ? (work as (data: unknown) => unknown)(data) : undefined;
};

const data = JSON.stringify(
  (await called('setup').catch((error: unknown) => {
    log(String(error));
    process.exit(FAILED);
  })) ?? null,
);
const run = startRun({ options, metrics, exportsFor, data, failed });
const progress = setInterval(() => {
  const seconds = Math.round((performance.now() - began) / 1_000);
  const iterations = metrics.named('iterations')?.value('count') ?? 0;
  log(`running (${seconds}s), ${run.users()} VUs, ${iterations} iterations`);
}, EVERY_MS);
process.once('SIGINT', () => {
  log('stopping: iterations that have begun may end; once more ends at once');
  process.once('SIGINT', () => process.exit(105));
  run.stop();
});
await run.ended;
clearInterval(progress);
await called('teardown', JSON.parse(data));

const verdicts = judge(options.thresholds, metrics);
console.log('\nthresholds');
for (const { metric, expression, value, isKept } of verdicts) {
  const shown = value === undefined ? 'no samples' : Math.round(value * 1_000) / 1_000;
  console.log(`  ${isKept ? '✓' : '✗'} ${metric}: ${expression} (${shown})`);
}
console.log('\nmetrics');
for (const metric of metrics.all())
  if (metric.hasSamples()) console.log(`  ${metric.name.padEnd(24, '.')} ${summaryOf(metric)}`);
for (const [text, count] of errors) console.log(`\n${count} times: ${text}`);
const crossed = verdicts.filter(({ isKept }) => !isKept).map(({ metric }) => metric);
if (crossed.length > 0) log(`thresholds on metrics '${crossed.join(', ')}' have been crossed`);
process.exit(crossed.length > 0 ? CROSSED : errors.size > 0 ? FAILED : 0);
