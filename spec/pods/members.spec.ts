/** Clocks, counts and presence over several pods. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { systemClock } from '../../lib/clock.js';
import { type Client, positionOf } from '../support/client.js';
import { BASE, startPod, startProcess } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { startRedis, until } from '../support/redis.js';
import { startPods } from '../support/pods.js';

t.test(
  'when the clock of a pod is five minutes ahead, then ids sort in the order of delivery',
  async (t) => {
    const redis = await startRedis();
    t.teardown(redis.stop);
    const broker = { redisUrl: redis.url };
    const ahead = await startPod(
      t,
      { server: { serverId: 'ahead' }, broker },
      { clock: { ...systemClock, wall: () => Date.now() + 300_000 } },
    );
    const right = await startPod(t, { server: { serverId: 'right' }, broker });
    const a = await ahead.connect('/ws/r');
    const b = await right.connect('/ws/r');
    a.send({ type: 'chat', id: randomUUID(), data: 'heard' });
    const ack = await a.received({ data: { event: 'ack' } });
    await a.received({ data: 'heard' });
    a.send({ type: 'ping' });
    await a.received({ type: 'pong' });
    b.send({ type: 'chat', data: 'said later' });
    await a.received({ data: 'said later' });
    for (const room of [undefined, 'r']) {
      const received = a.messages.filter((message) => message.room === room);
      const epoch = positionOf(received.at(-1) ?? ack).tag;
      // `welcome` may come before a log is known
      // the last 20 bits of two at one place do not sort
      const ids = received
        .filter((each) => positionOf(each).tag === epoch)
        .map(({ id }) => id.slice(0, -5));
      t.ok(ids.length > 1);
      t.strictSame(ids, ids.toSorted(), `room ${room}: ids sort in the order of delivery`);
    }
    await a.close();
    b.send({ type: 'chat', data: 'missed' });
    await b.received({ data: 'missed' });
    const again = await ahead.connect(`/ws/r?last_id=${ack.id}`);
    t.ok(
      again.all({ data: 'missed' }).length +
        again.all({ data: { event: 'gap', room: 'r' } }).length >
        0,
      'what was said while it was away is replayed or told as missing',
    );
  },
);

t.test('when clients of two pods share a room', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const pods = await startPods(t, 2, { redisUrl: redis.url });
  const dying = await startProcess(t, { SERVER_ID: 'dying', REDIS_URL: redis.url });
  const [one, two] = [pods[0]!, pods[1]!];
  const membersSeen = async (room: string): Promise<number> => {
    const client = await one.connect(`/ws/${room}`);
    const [joined] = client.all({ data: { event: 'joined', room } });
    await client.close();
    return (joined?.data as { readonly members: number }).members - 1;
  };

  const lonely: unknown[] = [];
  for (let i = 0; i < 3; i++) lonely.push(await dying.doors.connect('/ws/lease'));
  const alive = await two.connect('/ws/lease');
  await until('four are counted', async () => (await membersSeen('lease')) === 4, 5_000);
  t.equal(lonely.length, 3);
  dying.signal('SIGKILL');
  const killedAt = performance.now();

  await t.test(
    'when a client publishes, then all members get the chat once, the sender too, which also gets its ack',
    async (t) => {
      const a = await one.connect('/ws/echo');
      const b = await two.connect('/ws/echo');
      a.send({ type: 'chat', id: 'mine', data: { content: 'hi' } });
      const ack = await a.received({
        data: { event: 'ack', ref: 'mine', duplicate: false, scope: undefined },
      });
      const own = await a.received({ type: 'chat' });
      const other = await b.received({ type: 'chat' });
      t.equal((ack.data as { readonly id: string }).id, own.id);
      t.strictSame(other, own, 'the same for both');
      t.equal(own.from, a.name);
      b.send({ type: 'chat', data: 'and back' });
      await a.received({ type: 'chat', data: 'and back' });
      await b.received({ type: 'chat', data: 'and back' });
      await a.caughtUp();
      await b.caughtUp();
      t.equal(a.all({ type: 'chat' }).length, 2);
      t.equal(b.all({ type: 'chat' }).length, 2);
      t.equal(b.all({ data: { event: 'ack' } }).length, 0, 'no id, no ack');

      const key = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d';
      a.send({ type: 'chat', id: key, data: 'once' });
      const first = await a.received({ data: { event: 'ack', ref: key, duplicate: false } });
      const elsewhere = await two.connect('/ws/echo', { as: a });
      elsewhere.send({ type: 'chat', id: key, data: 'once' });
      const again = await elsewhere.received({ data: { event: 'ack', ref: key, duplicate: true } });
      t.equal(
        (again.data as { readonly id: string }).id,
        (first.data as { readonly id: string }).id,
        'the first one’s id, from another pod too',
      );
      elsewhere.send({ type: 'chat', id: key, data: 'other' });
      await elsewhere.received({ type: 'error', data: { code: 'invalid_message', ref: key } });
      await a.caughtUp();
      t.equal(a.all({ type: 'chat', data: 'once' }).length, 1);
    },
  );

  await t.test('when a message is global, then every connection of all pods gets it', async (t) => {
    const a = await one.connect('/ws');
    const b = await two.connect('/ws/somewhere');
    a.send({ type: 'chat', room: '', data: 'to all' });
    const received = await Promise.all(
      [a, b].map((client) => client.received({ type: 'chat', data: 'to all' })),
    );
    t.notOk('room' in received[0]!, 'and bears no room');
    t.strictSame(received[0], received[1]);
  });

  await t.test(
    'when a member joins or leaves, then the other members on all pods get presence',
    async (t) => {
      const a = await one.connect('/ws/hello');
      const b = await two.connect('/ws/hello');
      const c = await one.connect('/ws/hello');
      const coming = ({ id, userId }: Client, status: string) => ({
        type: 'presence',
        from: 'server',
        data: { connection_id: id, user_id: userId, status },
      });
      await a.received(coming(b, 'online'));
      await a.received(coming(c, 'online'));
      await b.received(coming(c, 'online'));
      await b.close();
      await a.received(coming(b, 'offline'));
      await c.received(coming(b, 'offline'));
      a.send({ type: 'presence', data: { status: 'away' } });
      await c.received({ type: 'presence', from: a.name, data: { status: 'away' } });
      await a.caughtUp();
      await c.caughtUp();
      for (const client of [a, b, c])
        t.equal(client.all(coming(client, 'online')).length, 0, 'nobody hears of their own coming');
      t.equal(a.all({ type: 'presence', from: 'server' }).length, 3, 'each once');
      // the `online` of b may come when c is there already
      for (const client of [a, c])
        for (const [who, status] of [
          [b, 'online'],
          [b, 'offline'],
        ] as const)
          t.ok(client.all(coming(who, status)).length <= 1, 'each once');
    },
  );

  await t.test('when members are on several pods, then `members` counts all of them', async (t) => {
    const some: Client[] = [];
    for (const pod of [one, two, two, one]) some.push(await pod.connect('/ws/counted'));
    await sleep(1_500);
    const last = await two.connect('/ws/counted');
    const [joined] = last.all({ data: { event: 'joined', room: 'counted' } });
    t.equal((joined?.data as { readonly members: number }).members, 5);
    await Promise.all(some.map((client) => client.close()));
    await until('one is left', async () => (await membersSeen('counted')) === 1, 5_000);
  });

  await t.test(
    'when a client joins, or closes before the room is open, then the count is right',
    async (t) => {
      const some = await Promise.all([1, 2, 3].map(() => two.connect('/ws/at-once')));
      await sleep(1_500);
      t.equal(await membersSeen('at-once'), 3);
      await Promise.all(some.map((client) => client.close()));
      const hasty = await two.raw();
      hasty.write(handshakeOf(`${BASE}/ws/hasty`));
      await until('welcomed', () => hasty.texts().length > 0);
      hasty.destroy();
      await sleep(1_500);
      t.equal(await membersSeen('hasty'), 0);
    },
  );

  await t.test('when a pod is killed, then its members count until its lease ends', async (t) => {
    t.equal(await membersSeen('lease'), 4, 'within it, it does');
    t.ok(performance.now() - killedAt < 10_000);
    await until('its members are gone', async () => (await membersSeen('lease')) === 1, 15_000);
    const after = performance.now() - killedAt;
    t.ok(after > 6_500 && after < 13_000, `after ${Math.round(after)} ms`);
    t.equal(alive.socket.readyState, 1);
  });

  await t.test(
    'when a member joins again, then `joined` has the present count and presence',
    async (t) => {
      const limited = await startPods(t, 2, { redisUrl: redis.url }, {}, { presenceMaxRoom: 3 });
      const [here, there] = [limited[0]!, limited[1]!];
      const a = await here.connect('/ws/again');
      await here.connect('/ws/again');
      await sleep(1_500);
      const others = [await there.connect('/ws/again'), await there.connect('/ws/again')];
      await a.received(
        { data: { event: 'joined', room: 'again', members: 4, presence: false } },
        2_500,
      );
      await Promise.all(others.map((client) => client.close()));
      await a.received(
        { data: { event: 'joined', room: 'again', members: 2, presence: true } },
        2_500,
      );
      await there.connect('/ws/again');
      await sleep(1_500);
      a.send({ type: 'join', room: 'again', id: 'q' });
      await a.received({ data: { event: 'joined', ref: 'q', members: 3 } });
    },
  );
});
