/**
 * Tabs that share a socket, under chance: tabs open, close, die, freeze with and without an event, and wake;
 * connections break and pods drain. Each tab shows each message once and in order from its subscription on, each
 * publish settles once and is in the log once, and in the end one socket is open.
 */
import fc from 'fast-check';
import t from 'tap';
import { browserWorld, liveSockets, type Tab } from '../../support/share-world.js';

const ROOMS = ['r', 'q', ''] as const;
const room = fc.constantFrom(...ROOMS);
const tab = fc.nat(4);

const one = (weight: number, kind: Command['do'], rest: object = {}) => ({
  weight,
  arbitrary: fc.record({
    do: fc.constant(kind),
    ...rest,
  }) as fc.Arbitrary<object> as fc.Arbitrary<Command>,
});

interface Command {
  readonly do: string;
  readonly tab: number;
  readonly room: (typeof ROOMS)[number];
  readonly ms: number;
  readonly keep: number;
}

const command = fc.oneof(
  one(4, 'open', { room }),
  one(4, 'watch', { tab, room }),
  one(8, 'publish', { room }),
  one(6, 'own', { tab, room }),
  one(8, 'advance', { ms: fc.constantFrom(1, 3, 20, 400, 3_000, 30_000) }),
  one(2, 'close', { tab }),
  one(2, 'kill', { tab }),
  one(3, 'freeze', { tab }),
  one(3, 'wake', { tab }),
  one(1, 'page freeze', { tab }),
  one(2, 'page resume', { tab }),
  one(2, 'cut'),
  one(1, 'drain', { ms: fc.constantFrom(5, 100, 3_000) }),
  one(1, 'down'),
  one(2, 'up'),
  one(1, 'trim', { room, keep: fc.nat(3) }),
  one(1, 'lose', { room }),
);

interface Seen {
  readonly kind: 'message' | 'gap';
  readonly id: string;
}

interface Open {
  readonly tab: Tab;
  readonly seen: Map<string, Seen[]>;
  isGone: boolean;
}

/** Each message once and in order, a gap before each hole, and the last one. */
const judge = (name: string, order: readonly string[], seen: readonly Seen[]): void => {
  let at: number | undefined;
  let wasGap = false;
  for (const { kind, id } of seen) {
    if (kind === 'gap') {
      wasGap = true;
      continue;
    }
    const index = order.indexOf(id);
    if (at !== undefined && index <= at) throw new Error(`"${name}": ${index} after ${at}`);
    if (at !== undefined && index > at + 1 && !wasGap)
      throw new Error(`"${name}": ${index} after ${at} with no gap`);
    at = index;
    wasGap = false;
  }
  if (at !== order.length - 1) throw new Error(`"${name}": ends at ${at} of ${order.length - 1}`);
};

const run = async (commands: readonly Command[], seed: number): Promise<void> => {
  const ends: (() => void)[] = [];
  const w = browserWorld(
    { teardown: (end) => void ends.push(end as () => void) },
    { seed, latencyMs: 1 + (seed % 20), stepMs: 250 },
  );
  const order = new Map<string, string[]>(ROOMS.map((name) => [name, []]));
  const refs: string[] = [];
  w.server.message$.subscribe(({ room: name = '', id, data }) => {
    order.get(name)?.push(id);
    if (typeof data === 'string') refs.push(data);
  });
  const tabs: Open[] = [];
  const settled: string[] = [];
  const watch = ({ tab: of, seen }: Open, name: string): void => {
    if (seen.has(name)) return;
    const all: Seen[] = [];
    seen.set(name, all);
    const used = name === '' ? of.chat.global : of.chat.room(name);
    used.message$.subscribe(({ id }) => all.push({ kind: 'message', id }));
    used.gap$.subscribe(({ id }) => all.push({ kind: 'gap', id }));
  };
  let own = 0;
  let asked = 0;
  for (const command of commands) {
    const open = tabs[command.tab];
    if (command.do === 'open' && tabs.length < 5) {
      const made: Open = {
        tab: await w.tab({ publishTimeoutMs: 600_000 }),
        seen: new Map(),
        isGone: false,
      };
      tabs.push(made);
      watch(made, command.room);
    }
    if (open && !open.isGone)
      switch (command.do) {
        case 'watch':
          watch(open, command.room);
          break;
        case 'own': {
          const ref = `own ${own++}`;
          asked++;
          open.tab
            .publish(command.room, ref)
            .then(() => settled.push(ref))
            .catch(() => settled.push(ref));
          break;
        }
        case 'close':
          open.isGone = true;
          open.tab.chat.close();
          break;
        case 'kill':
          open.isGone = true;
          open.tab.kill();
          break;
        case 'freeze':
          open.tab.freeze();
          break;
        case 'wake':
          open.tab.wake();
          break;
        case 'page freeze':
          open.tab.page$.next('freeze');
          break;
        case 'page resume':
          open.tab.page$.next('resume');
      }
    switch (command.do) {
      case 'publish':
        w.server.publish(command.room, own++);
        break;
      case 'advance':
        await w.advance(command.ms);
        break;
      case 'cut':
        w.server.cut();
        break;
      case 'drain':
        w.server.drain(command.ms);
        break;
      case 'down':
        w.server.setUp(false);
        break;
      case 'up':
        w.server.setUp(true);
        break;
      case 'trim':
        w.server.trim(command.room, command.keep);
        break;
      case 'lose':
        w.server.lose(command.room);
    }
  }
  w.server.setUp(true);
  for (const { tab: of, isGone } of tabs) {
    of.wake();
    if (!isGone) of.page$.next('resume');
  }
  await w.advance(90_000);
  w.server.cut();
  await w.advance(60_000);
  for (const name of ROOMS) w.server.publish(name, 0);
  await w.advance(1_000);
  const there = tabs.filter(({ isGone }) => !isGone);
  for (const { seen } of there)
    for (const [name, all] of seen) judge(name, order.get(name) ?? [], all);
  if (new Set(refs).size !== refs.length) throw new Error('a publish is in the log twice');
  const lost = tabs.some(({ isGone }) => isGone);
  if (new Set(settled).size !== settled.length || (!lost && settled.length !== asked))
    throw new Error(`${settled.length} of ${asked} publishes settled`);
  const open = liveSockets(w);
  if (open > 1 || (there.length > 0 && open === 0)) throw new Error(`${open} sockets are open`);
  for (const end of ends) end();
};

t.setTimeout(0);
t.test(
  'when anything happens to tabs, then each tab gets each message once, and one tab leads',
  (t) =>
    fc
      .assert(fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), fc.nat(), run), {
        numRuns: Number(process.env['SHARE_RUNS'] ?? 15),
        endOnFailure: process.env['SHARE_SHRINK'] === undefined,
      })
      .then(() => t.pass('as promised')),
);
