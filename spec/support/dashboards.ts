/** The dashboards of `deploy/grafana`, and the load that gives each of their expressions data. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { WebSocket } from 'ws';
import type { Prometheus } from './prometheus.js';
import { ROOT } from './root.js';

const FOLDER = join(ROOT, 'deploy/grafana');

interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: GridPosition;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly {
    readonly expr: string;
    readonly datasource: { readonly uid: string };
  }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string }[];
  };
}

export const dashboards = (): readonly (readonly [file: string, Dashboard])[] =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Dashboard]);

/** The variables as Grafana fills them in. */
const filledIn = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$pod', '.*');

/** Of an alert: what stands before its comparison with a number. Without one there is data only when it fires. */
export const beforeComparison = (expression: string): string => {
  const [, before] = /^(.*\S)\s*(?:<|>|<=|>=|==|!=)\s*[\d.]+$/s.exec(expression) ?? [];
  if (before === undefined)
    throw new Error(`${expression}: end it with a comparison with a number`);
  return before;
};

export interface Question {
  readonly where: string;
  readonly expression: string;
}

/** Every expression of dashboards and alerts. */
export const questions = async ({ alerts }: Prometheus): Promise<readonly Question[]> => [
  ...dashboards().flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ where: `${file}: ${title}`, expression: filledIn(expr) })),
    ),
  ),
  ...(await alerts()).map(([name, query]) => ({
    where: `alerts.yml: ${name}`,
    expression: beforeComparison(query),
  })),
];

/** The names of metrics in an expression. */
export const metricsIn = (expression: string): readonly string[] =>
  expression.match(/\b(?:realtime|process|nodejs)_[a-z0-9_]+/g) ?? [];

/** The names of series that a pod exposes or describes, with those of histograms. */
export const metricNames = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );

/** Asks each second until every expression has data, at most for this long; what has none is the answer. */
export const dataWithin = async (
  prometheus: Prometheus,
  asked: readonly Question[],
  seconds: number,
): Promise<readonly Question[]> => {
  for (let second = 1; ; second++) {
    const missing = await withoutData(prometheus, asked);
    if (missing.length === 0 || second >= seconds) return missing;
    await sleep(1_000);
  }
};

/** The expressions that have no data now. */
export const withoutData = async (
  prometheus: Prometheus,
  asked: readonly Question[],
): Promise<readonly Question[]> => {
  const counts = await Promise.all(asked.map(({ expression }) => prometheus.series(expression)));
  return asked.filter((_, at) => counts[at] === 0);
};

const opened = (url: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.once('open', () => resolve(socket));
    socket.on('error', reject);
  });

/**
 * Clients of a pod that publish, are refused, are closed, and resume: something of each kind in each round,
 * until `isOver`.
 */
export const loadPod = async (
  port: number,
  members: number,
  isOver: () => boolean,
): Promise<void> => {
  const base = `ws://127.0.0.1:${port}/api/chat-api/ws`;
  const sockets = await Promise.all(
    Array.from({ length: members }, (_, at) => opened(`${base}/room-${at % 5}`)),
  );
  let lastId = '';
  sockets[0]?.on('message', (data: Buffer) => {
    lastId = (JSON.parse(data.toString()) as { readonly id: string }).id;
  });
  while (!isOver()) {
    for (const [at, socket] of sockets.entries())
      socket.send(JSON.stringify({ type: 'chat', data: { at } }));
    const guest = await opened(`${base}/room-0?last_id=${lastId}`);
    guest.send('no JSON');
    await sleep(200);
    // a binary frame closes with 1003
    guest.send(Buffer.from('x'));
    await sleep(200);
  }
  for (const socket of sockets) socket.terminate();
};

/** An application that publishes in transactions, until `isOver`. */
export const loadOutbox = async (databaseUrl: string, isOver: () => boolean): Promise<void> => {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  while (!isOver()) {
    await client.query(`SELECT chat_api.chat_publish('room-0', '{"by": "a transaction"}')`);
    await sleep(200);
  }
  await client.end();
};
