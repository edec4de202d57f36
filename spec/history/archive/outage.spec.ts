/** The archive while PostgreSQL is killed, stands still, refuses or is not there yet. */
import { isRight } from 'fp-ts/lib/Either.js';
import { filter, firstValueFrom, timeout } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { systemClock } from '../../../lib/clock.js';
import { DAY_MS } from '../../../lib/history/archive/partitions.js';
import type { Archive, ArchiveEvent } from '../../../lib/history/archive/port.js';
import { postgresArchive } from '../../../lib/history/archive/postgres.js';
import type { Publication } from '../../../lib/protocol/publication.js';
import { idsOf, left, messages, readAll, right, startOf, store } from '../../support/archive.js';
import { startPostgres } from '../../support/postgres.js';
import { until } from '../../support/redis.js';

t.setTimeout(100_000);
const TIMEOUT_MS = 1_000;
const server = await startPostgres();
t.teardown(server.stop);

interface Watched {
  readonly archive: Archive;
  readonly events: readonly ArchiveEvent[];
  readonly next: (tag: ArchiveEvent['_tag']) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const watched = (schema = 'chat_api', url = server.url): Watched => {
  const archive = postgresArchive({
    url,
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
    schema,
  });
  const events: ArchiveEvent[] = [];
  archive.event$.subscribe((event) => events.push(event));
  return {
    archive,
    events,
    next: (tag) =>
      firstValueFrom(
        archive.event$.pipe(
          filter(({ _tag }) => _tag === tag),
          timeout(20_000),
        ),
      ),
    close: () => firstValueFrom(archive.close(), { defaultValue: undefined }),
  };
};

const opened = async (): Promise<Watched> => {
  const pod = watched();
  await pod.next('Restored');
  return pod;
};

const all = (archive: Archive, room: string): Promise<readonly Publication[]> =>
  readAll(archive, { room, direction: 'After', bound: startOf(5), limit: 500 });

/** An operator, or a proxy, ends the connections of all pods. */
const cut = (): Promise<unknown> =>
  server.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chat-api archive%'`,
  );

t.test(
  'when PostgreSQL is killed in the middle, then what was answered is there, once',
  async (t) => {
    const pod = await opened();
    const { archive } = pod;
    const rooms = ['k1', 'k2', 'k3', 'k4'];
    const sent = new Map(rooms.map((room) => [room, messages(room, 1_500)]));
    const acked = new Map<string, Publication[]>(rooms.map((room) => [room, []]));
    const missed = new Map<string, Publication[]>(rooms.map((room) => [room, []]));
    const answers = { slowestMs: 0, Unavailable: 0, Unsure: 0, Refused: 0 };
    let done = 0;
    const publishing = rooms.map(async (room) => {
      const some = sent.get(room)!;
      for (let i = 0; i < some.length; i += 20) {
        const batch = some.slice(i, i + 20);
        const isDown = archive.refusal() !== undefined;
        const began = performance.now();
        const answer = await firstValueFrom(archive.store(room, batch));
        if (isDown) answers.slowestMs = Math.max(answers.slowestMs, performance.now() - began);
        if (isRight(answer)) acked.get(room)!.push(...batch);
        else {
          missed.get(room)!.push(...batch);
          answers[answer.left._tag] += 1;
          // a client tries again later
          await sleep(20);
        }
        done += 1;
      }
    });
    await until('some are stored', () => done > 40, 20_000);
    const interrupted = pod.next('Interrupted');
    await server.kill();
    await interrupted;
    t.equal(
      (await left(archive.store('k1', messages('k1', 1, { from: 9_999 }))))._tag,
      'Unavailable',
    );
    t.equal(
      (await left(archive.page({ room: 'k1', direction: 'After', bound: startOf(5), limit: 1 })))
        ._tag,
      'Unavailable',
    );
    await sleep(300);
    const restored = pod.next('Restored');
    await server.start();
    await restored;
    await Promise.all(publishing);
    t.ok(answers.Unavailable + answers.Unsure > 0, JSON.stringify(answers));
    t.ok(answers.slowestMs < 100, `answered at once while it was down: ${answers.slowestMs} ms`);
    for (const room of rooms) {
      const read = new Set(idsOf(await all(archive, room)));
      t.ok(
        idsOf(acked.get(room)!).every((id) => read.has(id)),
        'nothing that was answered is lost',
      );
      await store(archive, room, missed.get(room)!);
      t.strictSame(idsOf(await all(archive, room)), idsOf(sent.get(room)!), 'in order, once');
    }
    t.match(archive.gauges(), { messages: 0, bytes: 0, pages: 0 });
    await pod.close();
  },
);

t.test(
  'when PostgreSQL stands still, then one batch waits, and the next calls do not',
  async (t) => {
    const pod = await opened();
    const { archive } = pod;
    const sent = messages('frozen', 30);
    await store(archive, 'frozen', sent.slice(0, 10));
    server.freeze();
    const began = performance.now();
    const first = left(archive.store('frozen', sent.slice(10, 20)));
    const page = left(
      archive.page({ room: 'frozen', direction: 'After', bound: startOf(5), limit: 1 }),
    );
    t.equal((await first)._tag, 'Unsure', 'it may be stored when PostgreSQL goes on');
    t.equal((await page)._tag, 'Unavailable');
    t.ok(performance.now() - began < TIMEOUT_MS + 2_000, `${performance.now() - began} ms`);
    const then = performance.now();
    t.equal((await left(archive.store('frozen', sent.slice(20))))._tag, 'Unavailable');
    t.ok(performance.now() - then < 50);
    const restored = pod.next('Restored');
    server.thaw();
    await restored;
    await store(archive, 'frozen', sent.slice(10));
    t.strictSame(idsOf(await all(archive, 'frozen')), idsOf(sent));
    await pod.close();
  },
);

t.test('when it is closed while PostgreSQL stands still, then it ends in time', async (t) => {
  const pod = await opened();
  await store(pod.archive, 'closing', messages('closing', 1));
  server.freeze();
  const waits = left(pod.archive.store('closing', messages('closing', 5)));
  const began = performance.now();
  await pod.close();
  t.ok(performance.now() - began < TIMEOUT_MS + 2_000);
  t.equal((await waits)._tag, 'Unsure');
  server.thaw();
});

t.test(
  'when PostgreSQL is not there at the start, then the archive begins when it is',
  async (t) => {
    await server.kill();
    const pod = watched('late');
    t.equal((await left(pod.archive.store('late', messages('late', 1))))._tag, 'Unavailable');
    await sleep(200);
    t.match(pod.events, [{ _tag: 'Interrupted', error: { detail: /ECONNREFUSED/ } }], 'once');
    const restored = pod.next('Restored');
    await server.start();
    await restored;
    await store(pod.archive, 'late', messages('late', 3));
    t.equal((await all(pod.archive, 'late')).length, 3);
    await pod.close();
  },
);

t.test('when an idle connection is cut, then nobody notices', async (t) => {
  const pod = await opened();
  const sent = messages('cut', 40);
  for (let i = 0; i < 40; i += 10) {
    await cut();
    await store(pod.archive, 'cut', sent.slice(i, i + 10));
  }
  t.strictSame(idsOf(await all(pod.archive, 'cut')), idsOf(sent));
  t.notOk(pod.events.some(({ _tag }) => _tag === 'Interrupted'));
  await pod.close();
});

t.test('when PostgreSQL takes no writes, then calls are refused until it does', async (t) => {
  const pod = await opened();
  await server.query('ALTER ROLE postgres SET default_transaction_read_only = on');
  await cut();
  // the pool has seen the end of its connections
  await sleep(200);
  const error = await left(pod.archive.store('read-only', messages('read-only', 1)));
  t.equal(error._tag, 'Unavailable');
  t.match(error.detail, /25006/);
  const restored = pod.next('Restored');
  await server.query(
    'BEGIN READ WRITE; ALTER ROLE postgres RESET default_transaction_read_only; COMMIT',
  );
  await cut();
  await restored;
  await store(pod.archive, 'read-only', messages('read-only', 1));
  await pod.close();
});

t.test('when an operator must act, then the error says so', async (t) => {
  const pod = await opened();
  await server.query('ALTER TABLE chat_api.messages RENAME TO hidden');
  const error = await left(pod.archive.store('hidden', messages('hidden', 1)));
  t.match(error, { _tag: 'Refused', detail: /42P01/ });
  t.equal(pod.archive.refusal()?._tag, 'Refused');
  const restored = pod.next('Restored');
  await server.query('ALTER TABLE chat_api.hidden RENAME TO messages');
  await restored;
  await pod.close();
});

t.test('when no partition can be made, then calls are refused until one can', async (t) => {
  await server.query(
    'CREATE ROLE chat LOGIN; CREATE SCHEMA days; GRANT USAGE, CREATE ON SCHEMA days TO chat',
  );
  const pod = watched('days', server.url.replace('//postgres@', '//chat@'));
  await pod.next('Restored');
  await server.query('REVOKE CREATE ON SCHEMA days FROM chat');
  const sent = messages('days', 2, { ms: Date.now() - 5 * DAY_MS });
  const error = await left(pod.archive.store('days', sent.slice(0, 1)));
  t.match(error, {
    _tag: 'Refused',
    detail: /^no partition can be made: permission denied.*42501/,
  });
  // the breaker stays open: a probe without rows needs no partition
  for (let i = 0; i < 30; i += 1) {
    t.equal(pod.archive.refusal()?._tag, 'Refused');
    await sleep(20);
  }
  t.match(pod.events.slice(1), [{ _tag: 'Interrupted', error }]);
  t.equal(pod.events.length, 2);
  const restored = pod.next('Restored');
  await server.query('GRANT CREATE ON SCHEMA days TO chat');
  await restored;
  await store(pod.archive, 'days', sent);
  t.equal((await all(pod.archive, 'days')).length, 2);
  await pod.close();
});

t.test(
  'when a statement waits for a lock, then it is cancelled, and nothing is stored',
  async (t) => {
    const pod = await opened();
    const locked = server.query('BEGIN; LOCK TABLE chat_api.messages; SELECT pg_sleep(3); COMMIT');
    await until('it is locked', async () => {
      const rows = await server.query(
        `SELECT 1 FROM pg_locks WHERE relation = 'chat_api.messages'::regclass AND mode = 'AccessExclusiveLock' AND granted`,
      );
      return rows.length > 0;
    });
    const error = await left(pod.archive.store('locked', messages('locked', 1)));
    t.match(error, { _tag: 'Unavailable', detail: /57014/ });
    const restored = pod.next('Restored');
    await locked;
    await restored;
    t.equal((await all(pod.archive, 'locked')).length, 0);
    await pod.close();
  },
);

t.test('when a message is set aside, then an operator finds it', async (t) => {
  const pod = await opened();
  const [poison] = messages('poison', 1, {}, { from: 'a\u0000b' });
  const found = pod.next('PoisonFound');
  await right(pod.archive.store('poison', [poison!]));
  t.match(await found, { id: poison!.idText });
  const rows = await server.query('SELECT room, id, payload, reason FROM chat_api.rejected');
  t.match(rows, [{ room: 'poison', id: poison!.idText, reason: /0x00/ }]);
  t.ok(poison!.payload.equals(rows[0]!['payload'] as Buffer));
  await pod.close();
});
