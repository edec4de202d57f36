/**
 * `WORKERS=n` whose workers are killed (SIGKILL) under load. Clients of the library publish and read; what
 * `message$` shows each of them is judged against what was acknowledged.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { connect } from '../../lib/client/index.js';
import { BASE, runMain } from './pod.js';
import { until } from './redis.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

export interface KilledWorkersOptions {
  readonly workers: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly rooms: number;
  readonly clients: number;
  /** Messages a second, of all rooms together. */
  readonly perSecond: number;
  readonly kills: number;
  readonly everyMs: number;
  /** Reload the workers (SIGHUP) once after the kills. */
  readonly reload?: boolean;
}

export interface KilledWorkers {
  readonly acknowledged: number;
  /** The texts of publishes that were rejected. */
  readonly refused: readonly string[];
  readonly missing: number;
  readonly twice: number;
  readonly disordered: number;
  readonly gaps: number;
  readonly workersSeen: number;
  /** The longest time in which a client was not live, in ms, until it was live again. */
  readonly longestAwayMs: number;
  readonly exitCode: number | string;
}

interface Member {
  readonly room: string;
  readonly numbers: number[];
  /** Since when the client is not live. */
  awayAt: number | undefined;
  gaps: number;
  isJoined: boolean;
}

/** Of the client (lib/client/backoff.ts). Clients whose workers are killed again and again wait so long. */
const LONGEST_BACKOFF_MS = 30_000;

/** The processes that a process has started. */
export const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

class Plain extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { perMessageDeflate: false });
    this.on('error', () => undefined);
  }
}

export const killWorkers = async (
  t: Test,
  { workers, env = {}, rooms, clients, perSecond, kills, everyMs, reload }: KilledWorkersOptions,
): Promise<KilledWorkers> => {
  const running = await runMain(t, {
    WORKERS: String(workers),
    RATE_LIMIT_PER_SECOND: '10000',
    RATE_LIMIT_BURST: '10000',
    AUTH_ENABLED: 'false',
    ...env,
  });
  const port = await running.port();
  const url = `ws://127.0.0.1:${port}${BASE}/ws`;
  await until('all workers run', () => childrenOf(running.pid).length === workers, 10_000);
  const seen = new Set<string>();
  let longestAwayMs = 0;
  const chats = Array.from({ length: clients }, (_, i) => {
    const chat = connect({ url, WebSocket: Plain });
    const member: Member = {
      room: `room-${i % rooms}`,
      numbers: [],
      awayAt: undefined,
      gaps: 0,
      isJoined: false,
    };
    chat.status$.subscribe((status) => {
      if (status._tag === 'Closed') return;
      if (status._tag !== 'Live') {
        member.awayAt ??= performance.now();
        return;
      }
      seen.add(status.serverId);
      longestAwayMs = Math.max(longestAwayMs, performance.now() - (member.awayAt ?? Infinity));
      member.awayAt = undefined;
    });
    const room = chat.room<number>(member.room);
    room.message$.subscribe(({ data }) => member.numbers.push(data));
    room.gap$.subscribe(() => member.gaps++);
    room.event$.subscribe(({ _tag }) => {
      if (_tag === 'Joined') member.isJoined = true;
    });
    return { chat, room, member };
  });
  t.teardown(() => {
    for (const { chat } of chats) chat.close();
  });
  await until('all joined', () => chats.every(({ member }) => member.isJoined), 20_000);

  const acknowledged = new Map<string, number[]>();
  const refused: string[] = [];
  let open = 0;
  let sent = 0;
  const publisher = setInterval(() => {
    const { room, member } = chats[sent % chats.length] ?? {};
    if (room === undefined || member === undefined) return;
    const number = sent++;
    open++;
    void room.publish(number).then(
      () => {
        open--;
        const known = acknowledged.get(member.room) ?? [];
        acknowledged.set(member.room, known);
        known.push(number);
      },
      (error: unknown) => {
        open--;
        refused.push(String(error));
      },
    );
  }, 1_000 / perSecond);
  t.teardown(() => clearInterval(publisher));

  const killed = new Set<number>();
  for (let i = 0; i < kills; i++) {
    await sleep(everyMs);
    const living = childrenOf(running.pid).filter((pid) => !killed.has(pid));
    const victim = living[i % living.length];
    if (victim === undefined) continue;
    killed.add(victim);
    process.kill(victim, 'SIGKILL');
  }
  await sleep(everyMs);
  if (reload === true) {
    running.signal('SIGHUP');
    await until('reloaded', () => running.stdout().includes('reloaded: '), 60_000);
  }
  clearInterval(publisher);
  await until('every publish is settled', () => open === 0, 70_000);
  const expected = (room: string): number => acknowledged.get(room)?.length ?? 0;
  await until(
    'all have all',
    () => chats.every(({ member }) => new Set(member.numbers).size >= expected(member.room)),
    LONGEST_BACKOFF_MS + 15_000,
  ).catch(() => undefined);
  for (const { chat } of chats) chat.close();
  running.signal('SIGTERM');
  const exitCode = await running.ended(30_000);
  const sum = (of: (member: Member) => number): number =>
    chats.reduce((all, { member }) => all + of(member), 0);
  return {
    acknowledged: [...acknowledged.values()].reduce((all, { length }) => all + length, 0),
    refused,
    missing: sum(({ room, numbers }) => {
      const shown = new Set(numbers);
      return (acknowledged.get(room) ?? []).filter((number) => !shown.has(number)).length;
    }),
    twice: sum(({ numbers }) => numbers.length - new Set(numbers).size),
    disordered: chats.filter(({ member }) => {
      const first = chats.find(({ member: { room } }) => room === member.room);
      return first?.member.numbers.join() !== member.numbers.join();
    }).length,
    gaps: sum(({ gaps }) => gaps),
    workersSeen: seen.size,
    longestAwayMs: Math.round(longestAwayMs),
    exitCode,
  };
};
