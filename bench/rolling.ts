/**
 * `npm run rolling`: a page in Chromium, and clients in Node, stay through rolling restarts of three pods behind
 * nginx, under load. Beside it the same client without a handover, and socket.io doing the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { servePages, startChromium } from '../spec/support/chromium.js';
import { startNginx } from '../spec/support/nginx.js';
import { BASE } from '../spec/support/pod.js';
import { startRedis, until } from '../spec/support/redis.js';
import { pod, type Server, socketIo } from './rolling/cluster.js';
import {
  type SideName,
  type Verdict,
  verdictOf,
  viewer,
  type ViewerRecord,
} from './rolling/side.js';

const [roundsText = '10', clientsText = '20'] = process.argv.slice(2);
const ROUNDS = Number(roundsText);
const CLIENTS = Number(clientsText);
if (!(ROUNDS > 0) || !(CLIENTS > 0)) {
  console.error('usage: npm run rolling -- [rounds] [clients in Node, a side]');
  process.exit(2);
}

const RATE = Number(process.env['RATE'] ?? 50);
const DRAIN_MS = process.env['DRAIN_MS'] ?? '3000';
/** Between two restarts. */
const REST_MS = 1_000;
const SIDES: readonly SideName[] = ['handover', 'deaf', 'socket.io'];
const TITLES: Readonly<Record<SideName, string>> = {
  handover: 'chat-api, handover',
  deaf: 'chat-api, without handover',
  'socket.io': 'socket.io, recovery of state',
};
const log = (line: string): void => console.error(line);

const site = await servePages({
  '/': 'bench/rolling/page.html',
  '/socket.io.js': 'bench/peers/node_modules/socket.io-client/dist/socket.io.esm.min.js',
});
const redis = await startRedis({});
const env = { REDIS_URL: redis.url, ALLOWED_ORIGINS: site.origin, DRAIN_MS, LOG_LEVEL: 'info' };
const NAMES = ['pod-1', 'pod-2', 'pod-3', 'pod-that-stays'];
const pods = await Promise.all(NAMES.map((name) => pod(name, env)));
const peers = await Promise.all(NAMES.map(() => socketIo(redis.url)));
const restarted = (servers: readonly Server[]): readonly Server[] => servers.slice(0, 3);
const staying = (servers: readonly Server[]): number => servers.at(-1)?.port ?? 0;
const nginx = await startNginx({
  pods: restarted(pods).map(({ port }) => port),
  peers: restarted(peers).map(({ port }) => port),
});
const portOf = (side: SideName): number => (side === 'socket.io' ? nginx.peerPort : nginx.port);
const stayingOf = (side: SideName): number => staying(side === 'socket.io' ? peers : pods);

const chromium = await startChromium();
const pages: Page[] = [];
for (const side of SIDES) {
  const page = await chromium.window();
  const address = `127.0.0.1:${portOf(side)}`;
  const url = side === 'socket.io' ? `http://${address}` : `ws://${address}${BASE}/ws`;
  await page.goto(`${site.origin}/?side=${side}&url=${url}`);
  page.on('crash', () => log(`the page of ${TITLES[side]} has crashed`));
  pages.push(page);
}
const viewers = SIDES.map((side) =>
  Array.from({ length: CLIENTS }, () => viewer(side, portOf(side))),
);
/** The publishers. They also show how long a silence is without any restart. */
const publishers = [
  viewer('handover', stayingOf('handover')),
  viewer('socket.io', stayingOf('socket.io')),
] as const;

let published = 0;
let failed = 0;
const publish = (): void => {
  const message = { n: published++, at: Date.now() };
  for (const publisher of publishers)
    publisher.publish(message).catch(() => {
      failed++;
    });
};
/** The last record of each page: a page may crash. */
const records = new Map<number, ViewerRecord>();
const shown = async (index: number): Promise<Verdict> => {
  const now = published;
  const record = await pages[index]?.evaluate<ViewerRecord>('window.record').catch(() => undefined);
  if (record) records.set(index, record);
  const last = records.get(index);
  if (!last) throw new Error('a page has crashed before it showed anything');
  // a page that has crashed is judged up to the last message that it showed
  const to = record ? now : (last.numbers.at(-1) ?? -1) + 1;
  return verdictOf(last, to);
};
const warm = setInterval(publish, 1_000 / RATE);
await until(
  'all receive',
  async () =>
    [...viewers.flat(), ...publishers].every(({ record }) => record.numbers.length > 0) &&
    (await Promise.all(pages.map((page) => page.evaluate('record.numbers.length')))).every(Boolean),
  30_000,
);
await sleep(1_000);

let restarts = 0;
/** How pods ended. */
const ends: (number | string)[] = [];
for (let round = 1; round <= ROUNDS; round++) {
  for (let index = 0; index < 3; index++)
    for (const servers of [pods, peers]) {
      const how = await servers[index]?.restart();
      if (servers === pods) ends.push(how ?? '');
      restarts++;
      await sleep(REST_MS);
    }
  for (const index of pages.keys()) await shown(index);
  log(`round ${round} of ${ROUNDS}: ${restarts} restarts, ${published} messages`);
}
clearInterval(warm);
await sleep(3_000);

interface Row {
  readonly side: string;
  readonly who: string;
  readonly verdict: Verdict;
}

const worst = (verdicts: readonly Verdict[]): Verdict => {
  const most = (of: (verdict: Verdict) => number): number => Math.max(...verdicts.map(of));
  const sum = (of: (verdict: Verdict) => number): number =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0);
  return {
    missing: sum(({ missing }) => missing),
    twice: sum(({ twice }) => twice),
    disordered: sum(({ disordered }) => disordered),
    gaps: sum(({ gaps }) => gaps),
    opened: sum(({ opened }) => opened),
    cut: sum(({ cut }) => cut),
    silenceMs: most(({ silenceMs }) => silenceMs),
    lateMs: most(({ lateMs }) => lateMs),
  };
};

const verdicts = await Promise.all(
  SIDES.map(async (side, i): Promise<readonly Row[]> => {
    const own = viewers[i] ?? [];
    return [
      { side: TITLES[side], who: 'page', verdict: await shown(i) },
      {
        side: TITLES[side],
        who: `${CLIENTS} in Node`,
        verdict: worst(own.map(({ record }) => verdictOf(record, published))),
      },
    ];
  }),
);
const rows: readonly Row[] = [
  ...verdicts.flat(),
  ...publishers.map(({ record }, i) => ({
    side: i === 0 ? 'chat-api' : 'socket.io',
    who: 'on the server that stays',
    verdict: verdictOf(record, published),
  })),
];

const HEAD: readonly (readonly [string, (row: Row) => string | number])[] = [
  ['side', ({ side }) => side],
  ['viewer', ({ who }) => who],
  ['connections', ({ verdict }) => verdict.opened],
  ['missing', ({ verdict }) => verdict.missing],
  ['twice', ({ verdict }) => verdict.twice],
  ['out of order', ({ verdict }) => verdict.disordered],
  ['gaps', ({ verdict }) => verdict.gaps],
  ['closes with 1006', ({ side, verdict }) => (side.startsWith('socket.io') ? '-' : verdict.cut)],
  ['largest silence, ms', ({ verdict }) => verdict.silenceMs],
  ['latest message, ms', ({ verdict }) => verdict.lateMs],
];
console.log(
  `${ROUNDS} rolling restarts of three servers a side (drain ${DRAIN_MS} ms), ${published} messages at ${RATE} a second, ` +
    `${failed} publishes failed`,
);
for (const cells of [
  HEAD.map(([name]) => name),
  HEAD.map(() => '---'),
  ...rows.map((row) => HEAD.map(([, of]) => of(row))),
])
  console.log(`| ${cells.join(' | ')} |`);

const wrongEnds = ends.filter((end) => end !== 0);
console.log(
  `${ends.length} pods were ended by SIGTERM, ${ends.length - wrongEnds.length} with exit code 0`,
);

for (const one of [...viewers.flat(), ...publishers]) one.stop();
await chromium.stop();
await nginx.stop();
for (const server of [...pods, ...peers]) await server.stop();
await redis.stop();
site.stop();

const faults = [
  ...wrongEnds.map((end) => `a pod ended with ${end}, expected 0`),
  ...rows
    .filter(({ side }) => side.startsWith('chat-api'))
    .flatMap(({ side, who, verdict }) =>
      (['missing', 'twice', 'disordered', 'gaps', 'cut'] as const)
        .filter((what) => verdict[what] > 0)
        .map((what) => `${side}, ${who}: ${what} ${verdict[what]}, expected 0`),
    ),
];
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
