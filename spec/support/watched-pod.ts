/**
 * A pod in a process of its own that is checked while other clients misbehave. It has two residents in the
 * room `general`: one publishes all the time, the other must get every message. When the other clients have
 * gone, the process must have as many sockets, connections and rooms as before.
 */
import { readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Message } from './client.js';
import { BASE, type Doors, doorsOf, type Running, startProcess } from './pod.js';
import { until } from './redis.js';

export interface WatchedPod {
  readonly running: Running;
  /** For the other clients: their connections are ended by `clear`. */
  readonly doors: Doors;
  /** The messages that the listener got and that are not of the publisher. */
  readonly received: () => readonly Message[];
  /** Resolves when the listener has got all messages until now, and the next one. */
  readonly settled: () => Promise<void>;
  /**
   * Closes the other clients. Resolves with what is left, or went wrong for the residents, since the last
   * call: an empty list is well.
   */
  readonly clear: () => Promise<readonly string[]>;
  /** The metrics now. */
  readonly metrics: () => Promise<string>;
  /** Counters by name and code, such as `rejected 400` and `closes 1009`. */
  readonly counters: () => Promise<ReadonlyMap<string, number>>;
  /** Bytes of heap after collections, when the log has dropped the messages; the publisher pauses for it. */
  readonly heap: () => Promise<number>;
  /** Ends it in order. Resolves with its lines on stderr, its errors in the log, and an unusual end. */
  readonly end: () => Promise<readonly string[]>;
}

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

const TALK_MS = 25;
const RESIDENTS = 2;
const LEFT_MS = 4_000;
const LOG_TTL_MS = 2_000;
const ERROR = 50;
/** Within this time one rendering of the metrics may be served to all requests. */
const SHARED_MS = 110;

export const watchedPod = async (
  t: Test,
  env: Readonly<Record<string, string>> = {},
  /** The headers of a resident. */
  headers: Readonly<Record<string, string>> = {},
): Promise<WatchedPod> => {
  const report = join(tmpdir(), `heap-${process.pid}-${Math.random().toString(36).slice(2)}`);
  t.teardown(() => rmSync(report, { force: true }));
  const pod = await startProcess(
    t,
    // messages leave the log soon, so that memory can be compared
    {
      LOG_LEVEL: 'trace',
      LOG_TTL_MS: `${LOG_TTL_MS}`,
      ROOM_LINGER_MS: '100',
      ...env,
      GC_REPORT: report,
    },
    ['--expose-gc', '--import', './bench/support/gc-on-signal.mjs'],
  );
  const guests: (() => void)[] = [];
  const doors = doorsOf({ teardown: (work) => void guests.push(work) }, pod.doors.port);
  const [speaker, listener] = [
    await pod.doors.connect('/ws/general', { headers }),
    await pod.doors.connect('/ws/general', { headers }),
  ];
  const talk = talkOf(speaker, listener);
  t.teardown(talk.stop);
  await talk.allReceived();

  const descriptors = (): number => readdirSync(`/proc/${pod.pid}/fd`).length;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    fewest = Math.min(fewest, descriptors());
    await sleep(10);
  }

  let scrapedAt = performance.now();
  const metrics = async (): Promise<string> => {
    await sleep(Math.max(0, scrapedAt + SHARED_MS - performance.now()));
    const { body } = await pod.doors.get('/metrics');
    scrapedAt = performance.now();
    return body;
  };

  const clear = async (): Promise<readonly string[]> => {
    const faults: string[] = [];
    const check = async (work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => void faults.push(textOf(error)));
    await check(talk.allReceived());
    for (const leave of guests.splice(0)) leave();
    if (pod.hasEnded()) return [...faults, ...talk.faults(), `it has ended: ${pod.stderr()}`];
    let stats = '';
    const areGone = async (): Promise<boolean> => {
      const { connections, rooms } = await statsOf(pod, headers);
      stats = `${connections} connections in ${rooms} rooms`;
      return connections === RESIDENTS && rooms === 1;
    };
    await check(
      until('', areGone, LEFT_MS).catch(() => {
        throw new Error(`the guests have not gone within ${LEFT_MS} ms: ${stats}`);
      }),
    );
    const isLet = (): boolean => descriptors() <= fewest;
    await check(until(`as many descriptors as before: ${fewest}`, isLet, LEFT_MS));
    await check(talk.allReceived());
    return [...faults, ...talk.faults()];
  };

  return {
    running: pod,
    doors,
    received: talk.others,
    settled: talk.allReceived,
    clear,
    metrics,
    counters: async () => countersIn(await metrics()),
    heap: async () => {
      talk.pause();
      await sleep(LOG_TTL_MS + 200);
      // a read drops the old messages of its log
      await pod.doors.get('/metrics');
      rmSync(report, { force: true });
      pod.signal('SIGUSR2');
      let text = '';
      await until(
        'memory',
        async () => (text = await readFile(report, 'utf8').catch(() => '')) !== '',
      );
      talk.resume();
      const { heapUsed, external } = JSON.parse(text) as {
        readonly heapUsed: number;
        readonly external: number;
      };
      return heapUsed + external;
    },
    end: async () => {
      talk.stop();
      await Promise.all([speaker.close(), listener.close()]);
      pod.signal('SIGTERM');
      const code = await pod.ended();
      const errors = pod
        .stdout()
        .split('\n')
        .filter(
          (line) => line !== '' && (JSON.parse(line) as { readonly level: number }).level >= ERROR,
        );
      return [
        ...(code === 0 ? [] : [`it ended with ${code}`]),
        ...(pod.stderr() === '' ? [] : [`on stderr: ${pod.stderr()}`]),
        ...errors.map((line) => `it logged: ${line}`),
      ];
    },
  };
};

export const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

type Pod = Running & { readonly doors: Doors };

const statsOf = async (
  { doors }: Pod,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly connections: number; readonly rooms: number }> =>
  JSON.parse((await doors.get(`${BASE}/ws/stats`, 'GET', headers)).body) as {
    readonly connections: number;
    readonly rooms: number;
  };

const COUNTER = /^realtime_(rejected|closes)\{code="([^"]*)"\} (\d+)$/gm;

const countersIn = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(COUNTER)].map(([, kind, code, count]) => [`${kind} ${code}`, Number(count)]),
  );

interface Talk {
  /** Resolves when all messages so far have arrived, each once and in order, and one more. */
  readonly allReceived: () => Promise<void>;
  /** The faults since the last call. */
  readonly faults: () => readonly string[];
  readonly others: () => readonly Message[];
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => void;
}

const talkOf = (speaker: Client, listener: Client): Talk => {
  let sent = 0;
  let received = 0;
  let timer: NodeJS.Timeout | undefined;
  const faults: string[] = [];
  const others: Message[] = [];
  const resume = (): void => {
    timer ??= setInterval(() => speaker.send({ type: 'chat', data: { n: ++sent } }), TALK_MS);
  };
  const pause = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const receive = (bytes: Buffer): void => {
    const message = JSON.parse(bytes.toString()) as Message;
    const { n } = (message.data ?? {}) as { readonly n?: number };
    if (message.from !== speaker.id || n === undefined) return void others.push(message);
    if (n !== received + 1) faults.push(`the listener heard ${n} behind ${received}`);
    received = n;
  };
  const closed = (code: number): void => void faults.push(`the listener was closed with ${code}`);
  listener.socket.on('message', receive).on('close', closed);
  resume();
  return {
    allReceived: () => {
      const now = sent;
      return until('the listener hears', () => received > now);
    },
    faults: () => faults.splice(0),
    others: () => others,
    pause,
    resume,
    stop: () => {
      pause();
      listener.socket.off('close', closed);
    },
  };
};
