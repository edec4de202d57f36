/** What a drain of the pod must not cost: the wait after it, the token, the connection. */
import { Subject } from 'rxjs';
import t from 'tap';
import { tags, world } from '../support/client-world.js';

t.test(
  'when a pod drains and no other one is there, then the next try waits as after a first failure',
  async (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const w = world(t, {}, { seed });
      w.watch('r');
      w.clock.advance(3_500);
      w.server.setUp(false);
      w.server.drain(6_000);
      w.clock.advance(6_000);
      while (tags(w).at(-1) !== 'Waiting') w.clock.advance(1);
      const last = w.statuses.at(-1);
      const wait = last?._tag === 'Waiting' ? last.retryAt - w.clock.wall() : Infinity;
      t.ok(wait <= 500, `seed ${seed}: ${wait} ms`);
      w.chat.close();
    }
  },
);

t.test(
  'when the answer to a refresh comes as a handover begins, then the second connection gets a token',
  async (t) => {
    let answer$: Subject<string> | undefined;
    let isPaused = false;
    const token = () => {
      if (!isPaused) return 'first';
      answer$ = new Subject<string>();
      return answer$;
    };
    const w = world(t, { token });
    const { seen } = w.watch('r');
    w.clock.advance(1_000);
    isPaused = true;
    w.server.expire();
    w.clock.advance(20_100);
    t.ok(answer$);
    w.server.drain(10_000);
    w.clock.advance(2);
    w.clock.sleep(8_000);
    isPaused = false;
    answer$?.next('second');
    w.clock.advance(20_000);
    w.server.publish('r', 'after');
    w.clock.advance(1_000);
    t.same([tags(w).at(-1), seen], ['Live', ['after']]);
  },
);

t.test(
  'when a token was refused an hour ago, then the first refusal in a handover is not final',
  async (t) => {
    const w = world(t, { token: () => 'token' });
    w.watch('r');
    w.clock.advance(7);
    w.server.close(4001, 'token expired');
    w.clock.advance(3_600_000);
    const count = w.server.sockets.length;
    w.server.accept$.subscribe((socket) => {
      if (w.server.sockets.indexOf(socket) === count) socket.end(4001, 'token expired');
    });
    w.server.drain(10_000);
    w.clock.advance(30_000);
    t.same([w.server.sockets.length > count, tags(w).at(-1)], [true, 'Live']);
  },
);

t.test(
  'when a room is first used during a handover, then the second connection joins it after the first one',
  async (t) => {
    const w = world(t, {}, { latencyMs: 50 });
    w.watch('a');
    w.clock.advance(1_000);
    w.server.publish('r', 'before');
    const joins: unknown[] = [];
    w.server.frame$.subscribe(({ frame }) => {
      if (frame.type === 'join' && frame.room === 'r') joins.push(frame.data);
    });
    let hasBegun = false;
    w.server.accept$.subscribe(() => {
      if (hasBegun) return;
      hasBegun = true;
      // after the welcome of the second connection, while it joins
      w.clock.scheduler.schedule(() => w.watch('r'), 55);
    });
    w.server.drain(10_000);
    w.clock.advance(20_000);
    const [first, second] = joins as readonly { readonly last_id?: string }[];
    t.equal(first?.last_id, undefined);
    t.ok(second?.last_id, 'it goes on from where the first one has joined');
  },
);

t.test(
  'when the pod that drains lags behind the other one in a handover, then `position$` does not go back',
  async (t) => {
    const w = world(t);
    const room = w.chat.room('r');
    const positions: string[] = [];
    room.position$.subscribe((id) => positions.push(id));
    w.clock.advance(100);
    const before = w.server.publish('r', 1).id;
    // an ack is due: so both connections stay
    w.server.setAcks(false);
    void room.publish(2).catch(() => undefined);
    w.clock.advance(100);
    w.server.drain(20_000);
    w.clock.advance(15_000);
    const [first, second] = w.server.sockets;
    t.ok(second?.rooms.has('r') && first?.isOpen());
    const last = w.server.publish('r', 3).id;
    w.clock.advance(10);
    first?.send({
      id: before,
      type: 'presence',
      room: 'r',
      from: 'server',
      data: { user_id: null, connection_id: 'other', status: 'online' },
    });
    w.clock.advance(10);
    t.equal(positions.at(-1), last);
  },
);
