/** Debian's Prometheus with the alerts of `deploy/`: it scrapes pods each second, and answers expressions. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, HOST, until } from './redis.js';
import { ROOT } from './root.js';

const ALERTS = join(ROOT, 'deploy/prometheus/alerts.yml');

export interface Prometheus {
  /** How many series have a value now; throws the text of Prometheus for an expression that it cannot read. */
  readonly series: (expression: string) => Promise<number>;
  /** The expressions of the alerts, by name. */
  readonly alerts: () => Promise<readonly (readonly [name: string, expression: string])[]>;
  readonly stop: () => Promise<void>;
}

/** Throws the output of promtool when a rule is wrong. */
export const checkRules = (): string =>
  execFileSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' });

interface Rules {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly { readonly name: string; readonly query: string }[];
    }[];
  };
}

interface Answer {
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

export const startPrometheus = async (podPorts: readonly number[]): Promise<Prometheus> => {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const port = await freePort();
  const targets = podPorts.map((pod) => `'${HOST}:${pod}'`).join(', ');
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 5s }
rule_files: ['${ALERTS}']
scrape_configs:
  - job_name: chat-api
    static_configs: [{ targets: [${targets}] }]
`,
  );
  const address = `${HOST}:${port}`;
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
  ];
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  let hasEnded = false;
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.once('close', () => (hasEnded = true));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`http://${address}/api/v1/${path}`)).json();
  await until(
    'Prometheus is ready',
    async () => {
      if (hasEnded) throw new Error(`Prometheus ended\n${log}`);
      return (await fetch(`http://${address}/-/ready`).catch(() => undefined))?.ok === true;
    },
    30_000,
  );
  return {
    series: async (expression) => {
      const { error, data } = (await ask(
        `query?query=${encodeURIComponent(expression)}`,
      )) as Answer;
      if (data === undefined) throw new Error(`${expression}: ${error ?? 'no answer'}`);
      return data.result.filter(({ value: [, text] }) => text !== 'NaN').length;
    },
    alerts: async () => {
      const { data } = (await ask('rules')) as Rules;
      return data.groups.flatMap(({ rules }) =>
        rules.map(({ name, query }) => [name, query] as const),
      );
    },
    stop: async () => {
      kill();
      await until('Prometheus ended', () => hasEnded);
      process.off('exit', kill);
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
