/** Mistakes of servers and of what is between, and a clock that is set back: the client goes on. */
import t from 'tap';
import { connect } from '../../lib/client/index.js';
import { scriptedServer, virtualClock } from '../../lib/testing/index.js';
import { world } from '../support/client-world.js';

const badFrames: Readonly<Record<string, object>> = {
  'a `welcome` without limits': {
    id: 'x',
    type: 'system',
    data: { event: 'welcome', connection_id: 'c' },
  },
  'limits that are null': { id: 'x', type: 'system', data: { event: 'welcome', limits: null } },
  'an id that is a number': { id: 5, type: 'chat', room: 'r', data: 1 },
  'an id that is null': { id: null, type: 'chat', room: 'r', data: 1 },
  'a `joined` with a number as id': { id: 5, type: 'system', room: 'r', data: { event: 'joined' } },
  'an ack without fields': { id: 'x', type: 'system', data: { event: 'ack' } },
  'an error without fields': { id: 'x', type: 'error', data: null },
  'a room that is a number': { id: 'x', type: 'chat', room: 5, data: 1 },
};

for (const [what, frame] of Object.entries(badFrames))
  t.test(`when the server sends ${what}, then the client skips it and goes on`, async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.open()[0]?.send(frame);
    w.clock.advance(100);
    const acked = w.chat.room('r').publish(1);
    w.clock.advance(100);
    t.match(await acked, { duplicate: false });
    t.same([seen, w.server.sockets.length, w.statuses.at(-1)?._tag], [[1], 1, 'Live']);
  });

t.test('when HTML comes in place of history, then the code is the HTTP status', async (t) => {
  const json = async (): Promise<unknown> => JSON.parse('<html>') as unknown;
  const w = world(t, { fetch: async () => ({ status: 502, json }) });
  await t.rejects(w.chat.room('r').history(), {
    name: 'ChatError',
    code: '502',
    message: 'HTTP 502',
  });
});

t.test('when the clock was set back, then `retryAt` is of the clock as it is now', async (t) => {
  const clock = virtualClock();
  const server = scriptedServer({ clock });
  let aheadMs = 0;
  const chat = connect({
    url: 'ws://server/ws',
    WebSocket: server.WebSocket,
    clock: { ...clock, wall: () => clock.wall() + aheadMs },
  });
  t.teardown(() => chat.close());
  const waits: number[] = [];
  chat.status$.subscribe((status) => {
    if (status._tag === 'Waiting') waits.push(status.retryAt - clock.wall());
  });
  chat.room('r').message$.subscribe();
  clock.advance(1_000);
  aheadMs = 3_600_000;
  chat.room('s').message$.subscribe();
  clock.advance(100);
  aheadMs = 0;
  clock.advance(40_000);
  server.cut();
  clock.advance(2);
  t.ok(waits.every((ms) => ms >= -1 && ms <= 250));
  t.equal(waits.length, 1);
});
