/** The log in Redis: the contract of all logs, on one server and on a Cluster, and what only a real Redis can do to it. */
import t from 'tap';
import { type RedisPort, channelOf } from '../../lib/broker/redis/port.js';
import { standaloneRedis } from '../../lib/broker/redis/standalone.js';
import { clusterRedis } from '../../lib/broker/redis/cluster.js';
import type { RedisClientOptions } from '../../lib/broker/redis/options.js';
import { slotOf } from '../../lib/broker/redis/slots.js';
import type { Draft } from '../../lib/protocol/publication.js';
import type { Page } from '../../lib/history/index.js';
import type { Room } from '../../lib/protocol/position.js';
import { type RedisServer, startRedis, until } from '../support/redis.js';
import { startCluster } from '../support/redis-cluster.js';
import { later, left, options, ready, right, type Watched } from '../support/watched-bus.js';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { draft, drafts, idsOf, type LogKind, logContract, readAll } from './contract.js';
import { keyIn } from '../support/keys.js';

const HOUR = 3_600_000;
const MANY = 1_000;
/** What messages live where a test lets them grow old. */
const SHORT_MS = 2_000;

const appendOn =
  ({ bus }: Watched) =>
  async (room: Room, some: readonly Draft[], tag = 77): Promise<readonly string[]> => {
    const nonces = some.map((_, i) => i);
    const outcomes = await right(bus.publish(room, some, nonces, tag, later()));
    return outcomes.map((outcome) => (outcome._tag === 'KeyReused' ? '' : outcome.id));
  };

const pageOn =
  ({ bus }: Watched) =>
  (room: Room, from = 0, most = MANY, tag = 78): Promise<Page> =>
    right(bus.page(room, from, most, tag));

/** Two pods, asked in turns. */
const kindOf = (
  name: string,
  nodes: readonly RedisServer[],
  open: (over: Partial<RedisClientOptions>) => RedisPort,
): LogKind => ({
  name,
  runs: 25,
  world: async ({ logMessages, ages }) => {
    await Promise.all(nodes.map((node) => node.command('FLUSHALL')));
    const over = { logMessages, logTtlMs: ages ? SHORT_MS : HOUR };
    const a = await ready(open({ ...over, serverId: 'pod-a' }));
    const b = await ready(open({ ...over, serverId: 'pod-b' }));
    let turn = 0;
    const next = (): Watched => ((turn += 1) % 2 === 0 ? a : b);
    return {
      append: (room, some) => appendOn(next())(room, some),
      page: (room, from, most) => firstValueFrom(next().bus.peek(room, from, most)),
      pass: (share) => sleep(share * SHORT_MS),
      endEpoch: async (room) => {
        const { tag } = await right(a.bus.top(room, 1));
        await right(b.bus.renew(room, tag, tag + 1));
      },
      end: async () => {
        await Promise.all([a.close(), b.close()]);
      },
    };
  },
});

t.test('on one server', async (t) => {
  const server = await startRedis();
  logContract(
    t,
    kindOf('one server', [server], (over) =>
      standaloneRedis(options({ url: server.url, ...over })),
    ),
  );
  t.teardown(server.stop);
});

t.test('on a Cluster', async (t) => {
  const cluster = await startCluster();
  const open = (over: Partial<RedisClientOptions>): RedisPort =>
    clusterRedis(options({ url: cluster.url, ...over }));
  logContract(t, kindOf('a Cluster', cluster.nodes, open));
  t.test(
    'when a room is written, then its position and log are in the slot of its channel',
    async (t) => {
      const a = await ready(open({}));
      await appendOn(a)('slot', drafts(2, 'slot'));
      const node = await cluster.ownerOf(slotOf(channelOf('slot')));
      t.strictSame([...((await node.command('KEYS', '*slot*')) as string[])].sort(), [
        '{realtime:room:slot}:log',
        '{realtime:room:slot}:pos',
      ]);
      await a.close();
    },
  );
  t.teardown(cluster.stop);
});

t.test('what only Redis does', async (t) => {
  const server = await startRedis();
  t.teardown(server.stop);
  const { command } = server;
  const open = (over: Partial<RedisClientOptions> = {}): Promise<Watched> =>
    ready(standaloneRedis(options({ url: server.url, ...over })));
  const a = await open();
  t.teardown(a.close);
  const append = appendOn(a);
  const page = pageOn(a);
  const pos = (room: Room): string => `{${channelOf(room)}}:pos`;
  const log = (room: Room): string => `{${channelOf(room)}}:log`;
  const entriesOf = async (
    room: Room,
  ): Promise<readonly (readonly [string, readonly string[]])[]> =>
    (await command('XRANGE', log(room), '-', '+')) as [string, string[]][];

  await t.test(
    'when a message is logged, then its entry is the same bytes under its offset',
    async (t) => {
      await right(a.bus.subscribe([channelOf('bytes')]));
      await append('bytes', [draft('bytes', { data: 'ü💬' }), ...drafts(2, 'bytes')]);
      await until('all are heard', () => a.received(channelOf('bytes')).length === 3);
      t.strictSame(
        await entriesOf('bytes'),
        a.received(channelOf('bytes')).map((payload, i) => [`${i + 1}-0`, ['m', payload]]),
      );
      const left = Number(await command('PTTL', log('bytes')));
      t.ok(
        left > 665_000 && left <= 675_000,
        `it lives an eighth longer than its last entry: ${left}`,
      );
    },
  );

  await t.test(
    'when a log was lost, then the position of its empty epoch lives as long as any other',
    async (t) => {
      const lives = async (): Promise<number> => Number(await command('PTTL', pos('lost')));
      await right(a.bus.page('lost', 1, 1, 7));
      t.ok((await lives()) <= 600_000, 'nothing was lost yet');
      await right(a.bus.page('lost', 1, 1, 8, 6));
      t.ok((await lives()) > 600_000, 'a pod knew epoch 6');
      await right(a.bus.page('lost', 1, 1, 9));
      t.ok((await lives()) > 600_000);
    },
  );

  await t.test(
    'when a call brings any number of messages, then the count of the log is exact',
    async (t) => {
      const b = await open({ logMessages: 7 });
      for (const count of [3, 3, 3, 20, 1, 64, 5]) {
        await appendOn(b)('count', drafts(count, 'count'));
        const length = Number(await command('XLEN', log('count')));
        t.ok(length <= 8, `${length} after ${count} more`);
      }
      t.equal(await command('XLEN', log('count')), 8, 'one more than is read: it tells its time');
      await b.close();
    },
  );

  await t.test(
    'when messages become too old, then they are trimmed in batches, not at each message',
    async (t) => {
      const b = await open({ logTtlMs: SHORT_MS });
      await appendOn(b)('old', drafts(40, 'old', 2_000));
      await sleep(SHORT_MS * 0.7);
      await appendOn(b)('old', drafts(10, 'old'));
      await sleep(SHORT_MS * 0.45);
      const before = await pageOn(b)('old');
      t.match(before, { first: 41, top: { offset: 50 } }, 'readers pass over it');
      await appendOn(b)('old', drafts(1, 'old'));
      t.equal((await entriesOf('old'))[0]?.[0], '40-0', 'the last one that is gone tells its time');
      const [, oldest] = (await command('HMGET', pos('old'), 'o', 'a')) as string[];
      t.equal(Number(oldest), before.entries[0]?.id.ms, 'the next look is when that one is old');
      await b.close();
    },
  );

  await t.test(
    'when a key has the wrong type, then the error says so and nothing is half done',
    async (t) => {
      await append('types', drafts(2, 'types'));
      await command('DEL', log('types'));
      await command('SET', log('types'), 'mine');
      const before = await command('HGETALL', pos('types'));
      const keyed = [draft('types', { key: keyIn('k') }), draft('types')];
      t.equal(await left(a.bus.publish('types', keyed, [0, 0], 7, later())), 'WrongType');
      t.strictSame(await command('HGETALL', pos('types')), before);
      t.equal(await command('EXISTS', `{${channelOf('types')}}:key:k`), 0);
      t.equal(await left(a.bus.page('types', 0, 1, 7)), 'WrongType');
      await command('DEL', pos('types'));
      t.equal(await left(a.bus.publish('types', keyed, [0, 0], 7, later())), 'WrongType');
      t.equal(await left(a.bus.page('types', 0, 1, 7)), 'WrongType');
      t.equal(await left(a.bus.top('types', 7)), 'WrongType');
      t.equal(await command('EXISTS', pos('types')), 0, 'no epoch was made');
      t.equal(await command('GET', log('types')), 'mine', 'what is not ours stays');
      await command('DEL', log('types'));
      await command('SET', pos('types'), 'mine');
      t.equal(await left(a.bus.publish('types', keyed, [0, 0], 7, later())), 'WrongType');
      t.equal(await left(a.bus.page('types', 0, 1, 7)), 'WrongType');
      t.equal(await left(a.bus.renew('types', 1, 2)), 'WrongType');
      t.equal(await command('EXISTS', log('types')), 0);
    },
  );

  await t.test('when Redis forgot a script, then it is sent again', async (t) => {
    const ids = await append('forgot', drafts(3, 'forgot'));
    await command('SCRIPT', 'FLUSH');
    t.strictSame(idsOf(await page('forgot')), ids);
    await command('SCRIPT', 'FLUSH');
    t.strictSame(
      [...ids, ...(await append('forgot', drafts(1, 'forgot')))],
      idsOf(await page('forgot')),
    );
  });

  await t.test(
    'when Redis is full, then nothing is published and the log can be read',
    async (t) => {
      const ids = await append('full', drafts(3, 'full'));
      await command('CONFIG', 'SET', 'maxmemory', '1');
      const refused = await left(a.bus.publish('full', drafts(1, 'full'), [0], 7, later()));
      t.equal(refused, 'OutOfMemory');
      t.strictSame(idsOf(await page('full')), ids);
      t.equal((await right(a.bus.top('full', 7))).offset, 3);
      t.equal(await left(a.bus.page('nothing', 0, 1, 7)), 'OutOfMemory', 'no epoch can be made');
      await command('CONFIG', 'SET', 'maxmemory', '0');
      t.strictSame(idsOf(await page('full')), ids);
    },
  );

  await t.test(
    'when the disk of Redis refuses, then nothing is published and the log can be read',
    async (t) => {
      const disk = await startRedis({
        config: [
          ['save', '3600 1'],
          ['enable-protected-configs', 'local'],
        ],
      });
      t.teardown(disk.stop);
      const b = await ready(standaloneRedis(options({ url: disk.url })));
      t.teardown(b.close);
      const ids = await appendOn(b)('disk', drafts(3, 'disk'));
      await disk.command('CONFIG', 'SET', 'dir', '/proc');
      await disk.command('BGSAVE');
      await until('the save has failed', async () =>
        String(await disk.command('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
      );
      const refused = await left(b.bus.publish('disk', drafts(1, 'disk'), [0], 7, later()));
      t.equal(refused, 'Misconfigured');
      t.strictSame(idsOf(await pageOn(b)('disk')), ids);
      t.equal(await left(b.bus.page('nothing', 0, 1, 7)), 'Misconfigured');
    },
  );

  await t.test('when a replica is asked, then it refuses to read the log', async (t) => {
    const replica = await startRedis({ config: [['replicaof', '127.0.0.1', server.port]] });
    const ids = await append('copied', drafts(3, 'copied'));
    await until(
      'it is copied',
      async () => Number(await replica.command('EXISTS', log('copied'))) === 1,
    );
    const b = await ready(standaloneRedis(options({ url: replica.url })));
    t.equal(await left(b.bus.page('copied', 0, MANY, 7)), 'ReadOnly');
    t.equal(await left(b.bus.publish('copied', drafts(1, 'copied'), [0], 7, later())), 'ReadOnly');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    t.strictSame(idsOf(await pageOn(b)('copied')), ids, 'as a master it has all of it');
    await b.close();
    await replica.stop();
  });

  await t.test(
    'when the stream of a log is deleted, then its messages are not read and the position stays',
    async (t) => {
      const ids = await append('stream', drafts(5, 'stream'));
      await command('DEL', log('stream'));
      const empty = await page('stream');
      t.match(empty, { first: 6, top: { offset: 5, id: ids[4] } });
      t.strictSame(empty.entries, []);
      const more = await append('stream', drafts(2, 'stream'));
      const after = await page('stream');
      t.strictSame(idsOf(after), more);
      t.match(after, { first: 6, top: { offset: 7, tag: empty.top.tag } });
    },
  );

  await t.test(
    'when a position is evicted, then a new epoch begins and has no old entry',
    async (t) => {
      const noticed: Readonly<Record<string, (room: Room) => Promise<unknown>>> = {
        publish: (room) => append(room, drafts(1, room), 200),
        'presence alone': (room) =>
          append(room, [draft(room, { type: 'presence', data: { status: 'away' } })], 200),
        page: (room) => page(room, 3, 1, 200),
        top: (room) => right(a.bus.top(room, 200)),
        renew: (room) => right(a.bus.renew(room, 9, 200)),
      };
      for (const [who, notice] of Object.entries(noticed)) {
        const room = `evicted-${who.slice(0, 5).trim()}`;
        await append(room, drafts(5, room));
        await command('DEL', pos(room));
        await notice(room);
        if (who !== 'publish')
          t.equal(await command('EXISTS', log(room)), 0, `${who}: its log is gone`);
        const [next] = await append(room, drafts(1, room), 201);
        const { top, first, entries } = await page(room);
        t.equal(top.tag, 200, who);
        t.equal(first, 1);
        t.equal(entries.at(-1)?.idText, next);
        t.equal(entries.length, top.offset, 'nothing of the old one');
        t.ok(entries.every(({ id }) => id.tag === 200));
      }
    },
  );

  await t.test('when all keys of a room are lost, then a new epoch begins', async (t) => {
    await append('lost', drafts(5, 'lost'));
    await command('FLUSHALL');
    const ids = await append('lost', drafts(2, 'lost'), 300);
    const after = await page('lost');
    t.match(after, { first: 1, top: { tag: 300, offset: 2 } });
    t.strictSame(idsOf(after), ids);
  });

  await t.test(
    'when a log is further than its position, then the log is removed and begins again',
    async (t) => {
      await append('ahead', drafts(9, 'ahead'));
      // a version of the service that knows no log made this epoch
      await command('DEL', pos('ahead'));
      await command('HSET', pos('ahead'), 'e', 400, 'o', 2, 't', 1);
      t.strictSame((await page('ahead')).entries, [], 'what is of another epoch is not read');
      const ids = await append('ahead', drafts(3, 'ahead'));
      const after = await page('ahead');
      t.match(after, { first: 3, top: { tag: 400, offset: 5 } });
      t.strictSame(idsOf(after), ids);
    },
  );

  await t.test(
    'when an operator deletes or adds entries, then readers pass over the hole',
    async (t) => {
      const ids = await append('holes', drafts(12, 'holes'));
      await command('XDEL', log('holes'), '4-0', '5-0', '12-0');
      const whole = await page('holes', 1);
      t.strictSame(idsOf(whole), ids.slice(0, 3), 'a page ends before it');
      t.equal(whole.first, 1);
      for (const from of [4, 5]) {
        const behind = await page('holes', from);
        t.equal(behind.first, 6, 'who asks for one of them is told where it goes on');
        t.strictSame(idsOf(behind), ids.slice(5, 11));
      }
      t.match(await page('holes', 12), { first: 13, top: { offset: 12 } });
      t.match(await page('holes', 13), { first: 1 });

      await append('foreign', drafts(3, 'foreign'));
      await command('DEL', log('foreign'));
      for (const [i, entry] of [
        ['m', 'not a message'],
        ['m', String(a.received(channelOf('bytes'))[0]), 'n', 'more'],
        ['x', ''],
      ].entries())
        await command('XADD', log('foreign'), `${i + 1}-0`, ...entry);
      t.match(await page('foreign', 1), { first: 4, entries: { length: 0 } });
      t.match(await page('foreign', 2, 1), { first: 3, entries: { length: 0 } });
      const [next] = await append('foreign', drafts(1, 'foreign'));
      t.strictSame(idsOf(await page('foreign', 1)), [next]);
      t.strictSame(
        await readAll(
          { page: (...asked) => firstValueFrom(a.bus.page(...asked, 1)) },
          'foreign',
          4,
          1,
        ),
        [next],
      );
    },
  );

  await t.test(
    'when a page of a long log is read, then the cost is in proportion to the page',
    async (t) => {
      for (let i = 0; i < 20; i += 1) await append('long', drafts(50, 'long', 10_000));
      await command('CONFIG', 'RESETSTAT');
      await page('long', 900);
      await page('long', 1, 0);
      const stats = String(await command('INFO', 'commandstats'));
      const calls = Number(/cmdstat_xrange:calls=(\d+)/.exec(stats)?.[1]);
      t.ok(calls <= 5, `${calls} XRANGE`);
    },
  );
});
