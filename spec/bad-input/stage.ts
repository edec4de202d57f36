/**
 * Where rows are played: a pod in a process of its own, with two residents in the room `general`. One speaks all the time, the
 * other listens. Whatever a row does, the listener must hear every word, and afterwards the process must have as many sockets,
 * connections and rooms as before, and have counted what was refused, and nothing else.
 */
import { readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Message } from '../support/client.js';
import { BASE, type Doors, doorsOf, type Running, startProcess } from '../support/pod.js';
import { handshakeOf, type RawClient } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import type { Played, Row, Stage } from './row.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

const TALK_MS = 25;
/** What the two residents make. */
const RESIDENTS = 2;
const LEFT_MS = 4_000;
/** What V8 compiles and keeps by the way; a leak of one row's 10 MB, or of each connection's 30 kB, is more. */
const HEAP_BYTES = 5_000_000;
const ERROR = 50;

/** The pod of a family: plays its rows one after the other, then looks at the process as a whole. */
export const playAll = async (
  t: Test,
  rows: readonly Row[],
  env: Readonly<Record<string, string>> = {},
  options: StageOptions = {},
): Promise<readonly Played[]> => {
  const { stage, watch, end } = await stageOf(t, env, options);
  const played: Played[] = [];
  if (options.together === true) played.push(...(await watch(rows)));
  else for (const row of rows) played.push(...(await watch([row])));
  const last = played.at(-1);
  const faults = await end();
  if (last === undefined) throw new Error('expected rows, got none');
  return [
    ...played.slice(0, -1),
    {
      ...last,
      faults: [...last.faults, ...faults.map((fault) => `at the end, pid ${stage.pid}: ${fault}`)],
    },
  ];
};

export interface StageOptions {
  /** For rows that take their time: all at once. */
  readonly together?: boolean;
  /** What a resident shows at the door. */
  readonly headers?: Readonly<Record<string, string>>;
}

interface Setting {
  readonly stage: Stage;
  readonly watch: (rows: readonly Row[]) => Promise<readonly Played[]>;
  readonly end: () => Promise<readonly string[]>;
}

const stageOf = async (
  t: Test,
  env: Readonly<Record<string, string>>,
  { headers = {} }: StageOptions,
): Promise<Setting> => {
  const report = join(tmpdir(), `heap-${process.pid}-${Math.random().toString(36).slice(2)}`);
  t.teardown(() => rmSync(report, { force: true }));
  const pod = await startProcess(
    t,
    // what was said is forgotten soon, so that memory can be compared
    { LOG_LEVEL: 'trace', LOG_TTL_MS: '2000', ROOM_LINGER_MS: '100', ...env, GC_REPORT: report },
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

  const stage: Stage = {
    ...doors,
    pid: pod.pid,
    log: pod.stdout,
    member: async (path = '/ws/general', more = {}) => {
      const client = await doors.raw();
      client.write(handshakeOf(BASE + path, { ...headers, ...more }));
      const joined = path === '/ws' ? '"joined"' : '"joined","room"';
      await until(
        'joined',
        () => client.texts().some((text) => text.includes(joined)) || client.isEnded(),
      );
      return client;
    },
    heard: talk.others,
    settled: talk.heardAll,
  };

  await talk.heardAll();
  const descriptors = (): number => readdirSync(`/proc/${pod.pid}/fd`).length;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    fewest = Math.min(fewest, descriptors());
    await sleep(10);
  }
  const heap = async (): Promise<number> => {
    rmSync(report, { force: true });
    pod.signal('SIGUSR2');
    let text = '';
    await until(
      'memory',
      async () => (text = await readFile(report, 'utf8').catch(() => '')) !== '',
    );
    const { heapUsed, external } = JSON.parse(text) as {
      readonly heapUsed: number;
      readonly external: number;
    };
    return heapUsed + external;
  };

  const play = async (row: Row): Promise<Played> => {
    const answered = await row
      .play(stage)
      .catch(
        (error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    const { due, contract } = row;
    const isDue = typeof due === 'string' ? answered === due : due.test(answered);
    return {
      row: row.row,
      sent: row.sent,
      due,
      ...(contract === undefined ? {} : { contract }),
      answered,
      faults: isDue ? [] : [`expected ${String(due)}, got ${answered}`],
    };
  };

  const watch: Setting['watch'] = async (rows) => {
    const before = await countersOf(pod);
    const played = await Promise.all(rows.map(play));
    const faults: string[] = [];
    const check = async (work: Promise<void>): Promise<void> =>
      work.catch(
        (error: unknown) =>
          void faults.push(error instanceof Error ? error.message : String(error)),
      );
    await check(talk.heardAll());
    for (const leave of guests.splice(0)) leave();
    await check(
      until(
        'the guests have gone',
        async () => {
          const { connections, rooms } = await statsOf(pod, headers);
          return connections === RESIDENTS && rooms === 1;
        },
        LEFT_MS,
      ),
    );
    await check(
      until(`as many descriptors as before: ${fewest}`, () => descriptors() <= fewest, LEFT_MS),
    );
    await check(talk.heardAll());
    faults.push(...talk.faults());
    const due = new Map<string, number>();
    for (const { counted = {} } of rows)
      for (const [name, times] of Object.entries(counted))
        due.set(name, (due.get(name) ?? 0) + times);
    const after = await countersOf(pod);
    for (const name of new Set([...before.keys(), ...after.keys(), ...due.keys()])) {
      const rose = (after.get(name) ?? 0) - (before.get(name) ?? 0);
      if (rose !== (due.get(name) ?? 0))
        faults.push(`${name}: expected ${due.get(name) ?? 0} more, got ${rose}`);
    }
    if (pod.hasEnded()) faults.push('the process has ended');
    const [first, ...others] = played;
    return first === undefined
      ? []
      : [{ ...first, faults: [...first.faults, ...faults] }, ...others];
  };

  const heapBefore = await heap();
  return {
    stage,
    watch,
    end: async () => {
      talk.stop();
      // the last words' time in the log is over, and a scrape looks
      await sleep(2_200);
      await pod.doors.get('/metrics');
      const grown = (await heap()) - heapBefore;
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
        ...(grown > HEAP_BYTES ? [`the heap grew by ${grown} bytes`] : []),
        ...(code === 0 ? [] : [`it ended with ${code}`]),
        ...(pod.stderr() === '' ? [] : [`on stderr: ${pod.stderr()}`]),
        ...errors.map((line) => `it logged: ${line}`),
      ];
    },
  };
};

const statsOf = async (
  { doors }: { readonly doors: Doors },
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly connections: number; readonly rooms: number }> =>
  JSON.parse((await doors.get(`${BASE}/ws/stats`, 'GET', headers)).body) as {
    readonly connections: number;
    readonly rooms: number;
  };

const COUNTER = /^realtime_(rejected|closes)\{code="([^"]*)"\} (\d+)$/gm;

const countersOf = async ({
  doors,
}: Running & { readonly doors: Doors }): Promise<ReadonlyMap<string, number>> => {
  const { body } = await doors.get('/metrics');
  return new Map(
    [...body.matchAll(COUNTER)].map(([, kind, code, count]) => [`${kind} ${code}`, Number(count)]),
  );
};

interface Talk {
  /** All that was said so far was heard, each word once and in order. */
  readonly heardAll: () => Promise<void>;
  readonly faults: () => readonly string[];
  readonly others: () => readonly Message[];
  readonly stop: () => void;
}

const talkOf = (speaker: Client, listener: Client): Talk => {
  let said = 0;
  let heard = 0;
  let faults: string[] = [];
  const others: Message[] = [];
  const timer = setInterval(() => speaker.send({ type: 'chat', data: { said: ++said } }), TALK_MS);
  listener.socket.on('message', (bytes: Buffer) => {
    const message = JSON.parse(bytes.toString()) as Message;
    const { said: word } = (message.data ?? {}) as { readonly said?: number };
    if (message.from !== speaker.id || word === undefined) return void others.push(message);
    if (word !== heard + 1) faults.push(`the listener heard ${word} behind ${heard}`);
    heard = word;
  });
  listener.socket.on('close', (code) => faults.push(`the listener was closed with ${code}`));
  return {
    heardAll: () => {
      const now = said;
      return until('the listener hears', () => heard > now);
    },
    faults: () => faults.splice(0),
    others: () => others,
    stop: () => {
      faults = [];
      clearInterval(timer);
    },
  };
};
