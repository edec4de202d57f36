/** Pods on a real PostgreSQL: what is acknowledged is stored, and clients resume from the archive. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Client, Message } from './support/client.js';
import { BASE, http, type Pod, startPod } from './support/pod.js';
import { startPostgres } from './support/postgres.js';
import { startRedis, until } from './support/redis.js';

t.setTimeout(180_000);

const pg = await startPostgres();
t.teardown(() => pg.stop());

/** Each test has a database of its own. */
const database = async (name: string): Promise<string> => {
  await pg.query(`CREATE DATABASE ${name}`);
  return pg.url.replace(/\/[^/]*$/, `/${name}`);
};

/** The ids of all messages that are stored. */
const rows = async (url: string): Promise<readonly string[]> => {
  const found = await pg.query('SELECT id FROM chat_api.messages', [], url);
  return found.map(({ id }) => String(id));
};

const podOn = (
  databaseUrl: string,
  { redisUrl = '', serverId = 'pod-1', logMessages = 1_000 } = {},
): Promise<Pod> =>
  startPod(t, {
    server: { serverId },
    broker: { redisUrl },
    log: { databaseUrl, logMessages },
    limits: { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000, rateLimitBytes: 100_000_000 },
  });

/** A client without a user id needs a UUID, so that a second try is known as one. */
const refOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Publishes these numbers; resolves with the ids of the acks, in order. */
const acked = async (client: Client, from: number, to: number): Promise<readonly string[]> => {
  for (let i = from; i <= to; i++)
    client.send({ type: 'chat', room: 'r', id: refOf(i), data: { n: i } });
  const ids: string[] = [];
  for (let i = from; i <= to; i++) {
    const { data } = await client.received({
      type: 'system',
      data: { event: 'ack', ref: refOf(i) },
    });
    ids.push((data as { readonly id: string }).id);
  }
  return ids;
};

const numberOf = ({ data }: Message): number => (data as { readonly n: number }).n;
const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

t.test(
  'when Redis is down, then no message is acknowledged, and each can be sent again',
  async (t) => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const url = await database('without_redis');
    const pod = await podOn(url, { redisUrl: redis.url });
    const client = await pod.connect('/ws/r');
    const [first] = await acked(client, 1, 1);
    await redis.kill();
    const chat = { type: 'chat', room: 'r', id: refOf(2), data: { n: 2 } };
    client.send(chat);
    await client.received({ type: 'error', data: { code: 'unavailable', ref: refOf(2) } }, 10_000);
    await client.received({ type: 'system', data: { event: 'degraded' } }, 10_000);
    await t.rejects(pod.app.publish({ room: 'r', data: { n: 3 } }), { code: 'unavailable' });
    t.same(client.all({ type: 'chat' }).map(numberOf), [1], 'no member has the others');
    t.same(await rows(url), [first]);
    await redis.restart();
    await client.received({ type: 'system', data: { event: 'restored' } }, 20_000);
    const [again] = await acked(client, 2, 2);
    t.same(new Set(await rows(url)), new Set([first, again]));
  },
);

t.test('when a message is acknowledged, then it is in PostgreSQL, once', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const url = await database('acks');
  const pods = [
    await podOn(url, { redisUrl: redis.url }),
    await podOn(url, { redisUrl: redis.url, serverId: 'pod-2' }),
  ];
  const clients = await Promise.all(pods.map((pod) => pod.connect('/ws/r')));
  const ids = (
    await Promise.all(clients.map((client, i) => acked(client, i * 200 + 1, i * 200 + 200)))
  ).flat();
  t.same(new Set(await rows(url)), new Set(ids));
  t.equal((await rows(url)).length, 400);
  const [notice] = await Promise.all([
    pods[0]?.app.publish({ room: 'r', type: 'notification', data: 1 }),
  ]);
  t.ok((await rows(url)).includes(String(notice?.id)));
});

t.test(
  'when PostgreSQL is killed, then senders get `unavailable` and members nothing, until it is back',
  async (t) => {
    const url = await database('killed');
    const pod = await podOn(url);
    const [sender, member] = [await pod.connect('/ws/r'), await pod.connect('/ws/r')];
    await acked(sender, 1, 3);
    await pg.kill();
    sender.send({ type: 'chat', room: 'r', id: refOf(4), data: { n: 4 } });
    await sender.received({ type: 'error', data: { code: 'unavailable', ref: refOf(4) } });
    await until('the breaker is open', async () => (await pod.metric('realtime_archive_up')) === 0);
    const before = member.all({ type: 'chat' }).length;
    sender.send({ type: 'chat', room: 'r', id: refOf(5), data: { n: 5 } });
    await sender.received({ type: 'error', data: { code: 'unavailable', ref: refOf(5) } }, 500);
    await member.caughtUp();
    t.equal(member.all({ type: 'chat' }).length, before);
    await pg.start();
    await until('the archive is back', async () => (await pod.metric('realtime_archive_up')) === 1);
    const ids = await acked(sender, 4, 6);
    t.equal(ids.length, 3);
    await until('all that members have is stored', async () => {
      const stored = new Set(await rows(url));
      return member.all({ type: 'chat' }).every(({ id }) => stored.has(id));
    });
    t.same(
      member
        .all({ type: 'chat' })
        .map(numberOf)
        .toSorted((a, b) => a - b),
      range(1, 6),
      'each message once',
    );
  },
);

t.test(
  'when PostgreSQL stands still for 4 s, then what members have is stored later',
  async (t) => {
    const url = await database('frozen');
    const pod = await podOn(url);
    const [sender, member] = [await pod.connect('/ws/r'), await pod.connect('/ws/r')];
    await acked(sender, 1, 3);
    pg.freeze();
    sender.send({ type: 'chat', room: 'r', id: refOf(4), data: { n: 4 } });
    await sender.received({ type: 'error', data: { code: 'unavailable', ref: refOf(4) } });
    t.equal(await pod.metric('realtime_archive_unstored_messages'), 1);
    await sleep(1_500);
    pg.thaw();
    await until('stored', async () => (await rows(url)).length === 4, 20_000);
    await until(
      'nothing is kept',
      async () => (await pod.metric('realtime_archive_unstored_messages')) === 0,
    );
    t.same(member.all({ type: 'chat' }).map(numberOf), range(1, 4));
  },
);

t.test(
  'when a pod without Redis starts again, then clients resume, and HTTP has all messages',
  async (t) => {
    const url = await database('restarted');
    const first = await podOn(url, { logMessages: 100 });
    const sender = await first.connect('/ws/r');
    const ids = await acked(sender, 1, 1_500);
    const behind = await first.connect(`/ws/r?last_id=${ids[9]}`);
    await behind.caughtUp();
    t.same(behind.all({ type: 'chat' }).map(numberOf), range(11, 1_500), 'beyond the log');
    t.same(behind.all({ type: 'system', data: { event: 'gap' } }), []);
    await first.app.stop({ hurry: true });

    const second = await podOn(url, { logMessages: 100 });
    const next = await second.connect('/ws/r');
    await acked(next, 1_501, 1_600);
    const back = await second.connect(`/ws/r?last_id=${ids[99]}`);
    await back.caughtUp();
    t.same(back.all({ type: 'chat' }).map(numberOf), range(101, 1_600));
    t.same(back.all({ type: 'system', data: { event: 'gap' } }), []);
    const { body } = await http(
      second.port,
      `${BASE}/rooms/r/messages?after=${ids[1_399]}&limit=1000`,
    );
    const { messages } = JSON.parse(body) as { readonly messages: readonly Message[] };
    t.same(messages.map(numberOf), range(1_401, 1_600));
  },
);
