/** A room over HTTP: its state and its last messages. */
import { EventEmitter } from 'node:events';
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import t from 'tap';
import type { HistoryHandler } from '../../lib/http/history.js';
import { roomEndpoints } from '../../lib/http/room-endpoints.js';
import { type Problem, problem } from '../../lib/protocol/problem.js';
import { endpointAt, exchangeOf, handled } from '../support/exchange.js';
import { configWith } from '../support/hub-world.js';

const AWAY = problem(503, 'the log does not answer');

/** A response, as far as an endpoint uses it. */
class Response extends EventEmitter {
  closed = false;
  destroyed = false;
  idle: readonly unknown[] = [];

  setTimeout(ms: number, work: () => void): void {
    this.idle = [ms, work];
  }

  destroy(): void {
    this.destroyed = true;
  }
}

const world = (answer: Either<Problem, Buffer> = right(Buffer.from('[]'))) => {
  const asked: unknown[] = [];
  let released = 0;
  const history: HistoryHandler = {
    messages: async (room, query, closed) => {
      asked.push(room, query);
      closed(() => {
        released += 1;
      });
      return answer;
    },
    state: async (room, own) => {
      asked.push(room, own);
      return answer._tag === 'Left' ? answer : right({ room, members: own, position: null });
    },
  };
  const stats = {
    now: (name?: string) =>
      ({ room: name === 'r' ? { name, connections: 3 } : undefined }) as never,
    roomNames: () => [],
    fold: () => undefined,
  };
  const config = configWith({
    server: { basePath: '/b' },
    limits: { handshakeTimeoutMs: 5_000 },
  });
  const endpoints = roomEndpoints({ config, stats, history });
  const raw = new Response();
  const get = (path: string, room = 'r', query = {}) =>
    handled(endpointAt(endpoints, `GET /b/rooms/:room${path}`), exchangeOf({ raw, query }), room);
  return { endpoints, asked, raw, get, released: () => released };
};

t.test('when a room is read, then the right to join it is asked for', async (t) => {
  const { endpoints } = world();
  t.same(
    endpoints.map(({ auth, parameters }) => [auth, parameters]),
    [
      ['room', []],
      ['room', ['after', 'before', 'at', 'limit']],
    ],
  );
});

t.test('when the state is read, then it counts the connections of this pod', async (t) => {
  const { asked, get } = world();
  t.same((await get('')).body, { room: 'r', members: 3, position: null });
  t.match((await get('', 'empty')).body, { members: 0 });
  t.same(asked, ['r', 3, 'empty', 0]);
});

t.test('when messages are read, then the answer is the JSON of the log', async (t) => {
  const { asked, raw, get } = world();
  const { type, body } = await get('/messages', 'r', { limit: '5' });
  t.same([type, String(body)], ['application/json; charset=utf-8', '[]']);
  t.same(asked, ['r', { limit: '5' }]);
  const [ms, work] = raw.idle as readonly [number, () => void];
  t.equal(ms, 5_000);
  work();
  t.ok(raw.destroyed, 'a client that does not read its answer is disconnected');
});

t.test('when the log cannot be read, then the request is refused', async (t) => {
  const { raw, get } = world(left(AWAY));
  for (const path of ['', '/messages'])
    t.match(await get(path), { status: 503, body: { detail: AWAY.detail } });
  t.same(raw.idle, []);
});

t.test('when the response has ended, then the memory of the answer is free', async (t) => {
  const w = world();
  await w.get('/messages');
  t.equal(w.released(), 0);
  w.raw.emit('close');
  w.raw.emit('close');
  t.equal(w.released(), 1);
});

t.test('when the client had gone before, then the memory is free at once', async (t) => {
  for (const end of ['closed', 'destroyed'] as const) {
    const w = world();
    w.raw[end] = true;
    await w.get('/messages');
    t.equal(w.released(), 1, end);
  }
});
