/**
 * `npm run archive -- resume`: clients that were away for longer than the log reaches resume from PostgreSQL. Judges
 * what they get, and shows the heap and the event loop of the pod meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { publishingSocket } from '../../spec/support/archive-kills/publishing-socket.js';
import { BASE, runMain } from '../../spec/support/pod.js';
import { startPostgres } from '../../spec/support/postgres.js';
import { startRedis, until } from '../../spec/support/redis.js';

const { MESSAGES = '50000', READERS = '1,20' } = process.env;
const messages = Number(MESSAGES);
const readers = READERS.split(',').map(Number);
if (!(messages > 0) || !readers.every((count) => count > 0)) {
  console.error('MESSAGES: expected a number above 0; READERS: numbers above 0, with commas');
  process.exit(2);
}

const ROOM = 'away';
/** 128 bytes, as the loads of `npm run bench`. */
const TEXT = 'x'.repeat(128);
const UNDER_WAY = 200;
const SAMPLE_MS = 100;
const WAIT_MS = 300_000;
/** As in the issue of the archive: the loop of a pod that replays stays free for others. */
const MOST_LAG_MS = 50;
const ENV = {
  LOG_MESSAGES: '1000',
  RATE_LIMIT_PER_SECOND: '100000',
  RATE_LIMIT_BURST: '100000',
  RATE_LIMIT_BYTES: '1000000000',
};

const endings: (() => unknown)[] = [];
const test = { teardown: (end: () => unknown): void => void endings.unshift(end) };

/** Publishes all messages, the number of each in its data. Returns the id of the first one. */
const publishAll = async (port: number): Promise<string> => {
  const state = { joined: false, sent: 0, acked: 0, first: '' };
  const faults: string[] = [];
  const keyOf = (n: number): string =>
    `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
  const fill = (): void => {
    for (; state.sent < messages && state.sent - state.acked < UNDER_WAY; state.sent++)
      socket.publish(keyOf(state.sent), JSON.stringify({ n: state.sent, text: TEXT }));
  };
  const socket = publishingSocket(port, ROOM, 'publisher', {
    joined: () => {
      state.joined = true;
      fill();
    },
    acked: (key, { id }) => {
      if (key === keyOf(0)) state.first = id;
      state.acked++;
      fill();
    },
    refused: (_, code) => faults.push(`refused: ${code}`),
    closed: () => faults.push('the publisher was closed'),
  });
  await until(
    'all messages are acknowledged',
    () => state.acked === messages || faults.length > 0,
    WAIT_MS,
  );
  socket.cut();
  if (faults.length > 0) throw new Error(faults.slice(0, 3).join('\n'));
  return state.first;
};

interface Reading {
  readonly ms: number;
  readonly faults: readonly string[];
}

/** Resumes after the first message, and reads until the last one has come. */
const resume = (port: number, lastId: string): Promise<Reading> =>
  new Promise((resolve) => {
    const began = performance.now();
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}${BASE}/ws/${ROOM}?last_id=${encodeURIComponent(lastId)}`,
      { perMessageDeflate: false },
    );
    const faults: string[] = [];
    const state = { next: 1 };
    const end = (): void => {
      socket.terminate();
      resolve({ ms: performance.now() - began, faults });
    };
    socket.on('error', ({ message }) => faults.push(message));
    socket.on('close', (code) => {
      if (state.next < messages) faults.push(`closed with ${code} after ${state.next} messages`);
      end();
    });
    socket.on('message', (bytes: Buffer) => {
      const { type, data } = JSON.parse(bytes.toString()) as {
        readonly type: string;
        readonly data: { readonly n?: number; readonly event?: string };
      };
      if (type !== 'chat') {
        if (data.event === 'gap') faults.push('gap');
        return;
      }
      if (data.n !== state.next) faults.push(`message ${data.n}, expected ${state.next}`);
      state.next = (data.n ?? state.next) + 1;
      if (state.next >= messages || faults.length > 10) end();
    });
  });

const metric = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);

const metricsOf = async (port: number): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

interface Watched {
  readonly heapMb: number;
  readonly rssMb: number;
  readonly lagMs: number;
}

/** The most of the samples. Each read of the metrics begins a new window of the event loop's lag. */
const watch = async (port: number, isOver: () => boolean): Promise<Watched> => {
  const most = { heapMb: 0, rssMb: 0, lagMs: 0 };
  await metricsOf(port);
  do {
    await sleep(SAMPLE_MS);
    const text = await metricsOf(port);
    most.heapMb = Math.max(most.heapMb, metric(text, 'nodejs_heap_size_used_bytes') / 1e6);
    most.rssMb = Math.max(most.rssMb, metric(text, 'process_resident_memory_bytes') / 1e6);
    most.lagMs = Math.max(most.lagMs, metric(text, 'nodejs_eventloop_lag_p99_seconds') * 1e3);
  } while (!isOver());
  return most;
};

const measure = async (): Promise<readonly string[]> => {
  const redis = await startRedis();
  test.teardown(redis.stop);
  const postgres = await startPostgres();
  test.teardown(postgres.stop);
  const pod = await runMain(test, {
    ...ENV,
    REDIS_URL: redis.url,
    DATABASE_URL: postgres.url,
  });
  const port = await pod.port();
  const first = await publishAll(port);
  console.log(
    `${messages} messages of ${TEXT.length} bytes and more in a room; the log keeps 1,000\n`,
  );
  console.log(
    '| clients that resume | messages/s | longest, s | heap before, MB | most | RSS, most, MB | loop p99, most, ms |',
  );
  console.log('|---|---|---|---|---|---|---|');
  const faults: string[] = [];
  for (const count of readers) {
    await sleep(1_000);
    const before = metric(await metricsOf(port), 'nodejs_heap_size_used_bytes') / 1e6;
    const state = { left: count };
    const all = Promise.all(
      Array.from({ length: count }, async () => {
        const reading = await resume(port, first);
        state.left--;
        return reading;
      }),
    );
    const { heapMb, rssMb, lagMs } = await watch(port, () => state.left === 0);
    const read = await all;
    const longest = Math.max(...read.map(({ ms }) => ms)) / 1_000;
    const cells = [
      String(count),
      (((messages - 1) * count) / longest).toFixed(0),
      longest.toFixed(1),
      before.toFixed(1),
      heapMb.toFixed(1),
      rssMb.toFixed(0),
      lagMs.toFixed(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
    faults.push(...read.flatMap((reading) => reading.faults.slice(0, 3)));
    if (lagMs > MOST_LAG_MS) faults.push(`${count} clients: loop p99 of ${lagMs.toFixed(1)} ms`);
  }
  return faults;
};

const run = async (): Promise<readonly string[]> => {
  try {
    return await measure();
  } finally {
    for (const end of endings) await end();
  }
};
const faults = await run();
console.log(
  '\nNot shown: a network, a disk that others use, live messages meanwhile, slow clients.',
);
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
