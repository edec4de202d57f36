/**
 * The promise of the client under chance: connections break, pods drain, logs are trimmed and lost, acks do
 * not come, pages freeze. `message$` shows each message once and in order, a gap comes before every hole, and
 * every publish settles once.
 */
import fc from 'fast-check';
import t from 'tap';
import { world } from '../support/client-world.js';

const ROOMS = ['r', 'q', ''] as const;
const room = fc.constantFrom(...ROOMS);

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('steady' as const),
      room,
      count: fc.integer({ min: 10, max: 60 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('publish' as const), room }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('own' as const), room }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(0, 1, 2, 3, 20, 400, 5_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('drain' as const),
      ms: fc.constantFrom(2, 5, 100, 3_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('trim' as const), room, keep: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), room }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('up' as const), yes: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('acks' as const), yes: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('silent' as const), yes: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('page' as const),
      event: fc.constantFrom(
        'offline' as const,
        'online' as const,
        'freeze' as const,
        'resume' as const,
        'hidden' as const,
        'visible' as const,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('sleep' as const),
      ms: fc.constantFrom(30_000, -30_000),
    }),
  },
);

interface Seen {
  readonly kind: 'message' | 'gap';
  readonly id: string;
}

t.test(
  'when anything breaks, then each message comes once, in order, and no hole comes without a gap',
  (t) =>
    fc
      .assert(
        fc.asyncProperty(fc.array(command, { maxLength: 60 }), fc.nat(), async (commands, seed) => {
          const ends: (() => void)[] = [];
          const w = world(
            { teardown: (end) => void ends.push(end as () => void) },
            { publishTimeoutMs: 600_000 },
            { seed, latencyMs: 1 + (seed % 20) },
          );
          const published = new Map<string, string[]>(ROOMS.map((name) => [name, []]));
          const seen = new Map<string, Seen[]>(ROOMS.map((name) => [name, []]));
          const settled: string[] = [];
          w.server.message$.subscribe(({ room = '', id }) => published.get(room)?.push(id));
          for (const name of ROOMS) {
            const one = name === '' ? w.chat.global : w.chat.room(name);
            one.message$.subscribe(({ id }) => seen.get(name)?.push({ kind: 'message', id }));
            one.gap$.subscribe(({ id }) => seen.get(name)?.push({ kind: 'gap', id }));
          }
          w.clock.advance(100);
          let own = 0;
          for (const one of commands)
            switch (one.do) {
              case 'publish':
                w.server.publish(one.room, own++);
                break;
              case 'own': {
                const ref = `${own++}`;
                const of = one.room === '' ? w.chat.global : w.chat.room(one.room);
                of.publish(ref).then(
                  () => settled.push(ref),
                  () => settled.push(ref),
                );
                break;
              }
              case 'steady':
                for (let i = 0; i < one.count; i++) {
                  w.server.publish(one.room, own++);
                  w.clock.advance(1);
                }
                break;
              case 'advance':
                w.clock.advance(one.ms);
                break;
              case 'cut':
                w.server.cut();
                break;
              case 'drain':
                w.server.drain(one.ms);
                break;
              case 'trim':
                w.server.trim(one.room, one.keep);
                break;
              case 'lose':
                w.server.lose(one.room);
                break;
              case 'up':
                w.server.setUp(one.yes);
                break;
              case 'acks':
                w.server.setAcks(one.yes);
                break;
              case 'silent':
                w.server.setSilent(one.yes);
                break;
              case 'page':
                w.page$.next(one.event);
                break;
              case 'sleep':
                w.clock.sleep(one.ms);
            }
          w.server.setUp(true);
          w.server.setAcks(true);
          w.server.setSilent(false);
          for (const event of ['online', 'resume', 'visible'] as const) w.page$.next(event);
          w.clock.advance(60_000);
          w.server.cut();
          w.clock.advance(120_000);
          for (const name of ROOMS) w.server.publish(name, 'last');
          w.clock.advance(1_000);
          await new Promise((resolve) => setImmediate(resolve));

          const owned = commands.filter((one) => one.do === 'own').length;
          if (settled.length !== owned || new Set(settled).size !== owned)
            throw new Error(`${settled.length} of ${owned} publishes settled`);
          for (const name of ROOMS) {
            const order = published.get(name) ?? [];
            let at = -1;
            let wasGap = false;
            for (const { kind, id } of seen.get(name) ?? []) {
              if (kind === 'gap') {
                wasGap = true;
                continue;
              }
              const index = order.indexOf(id);
              if (index <= at)
                throw new Error(`"${name}": ${index} after ${at}: twice, or out of order`);
              if (index > at + 1 && !wasGap)
                throw new Error(`"${name}": ${index} after ${at} with no gap`);
              at = index;
              wasGap = false;
            }
            if (at !== order.length - 1)
              throw new Error(`"${name}": ends at ${at} of ${order.length - 1}`);
          }
          for (const end of ends) end();
        }),
        { numRuns: Number(process.env['CLIENT_RUNS'] ?? 300) },
      )
      .then(() => t.pass('as promised')),
);
