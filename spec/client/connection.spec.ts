/** Connections that end, are replaced, or wait for a token. */
import { NEVER } from 'rxjs';
import t from 'tap';
import { connect } from '../../lib/client/index.js';
import { tags, world } from '../support/client-world.js';

t.test(
  'when both sockets of a handover have messages, then the application gets each once, in order',
  async (t) => {
    const w = world(t, {}, { latencyMs: 20 });
    const { seen } = w.watch('r');
    w.clock.advance(200);
    const answers: Promise<unknown>[] = [];
    const order: unknown[] = [];
    w.server.message$.subscribe(({ data }) => order.push(data));
    w.server.drain(500);
    for (let i = 0; i < 800; i++) {
      w.server.publish('r', `other ${i}`);
      if (i % 5 === 0) answers.push(w.chat.room('r').publish(`own ${i}`));
      w.clock.advance(1);
    }
    w.clock.advance(1_000);
    t.equal((await Promise.all(answers)).length, 160);
    t.same(seen, order);
    t.same(w.server.sockets.length, 2);
    t.notOk(tags(w).includes('Waiting'));
  },
);

t.test(
  'when the log cannot serve the second socket, then the handover is given up, and a gap is not hidden',
  async (t) => {
    const w = world(t, {}, { latencyMs: 20 });
    const { seen } = w.watch('r');
    w.clock.advance(200);
    w.server.publish('r', 1);
    w.clock.advance(100);
    w.server.drain(5_000);
    w.clock.advance(20);
    // a client that joins from now on is behind
    w.server.lose('r');
    w.clock.advance(6_000);
    w.server.publish('r', 2);
    w.clock.advance(100);
    t.same(seen, [1, 'gap log_lost', 2]);
  },
);

t.test(
  'when the second socket reports a gap after the first has ended, then no message comes twice',
  async (t) => {
    // the first socket ends before, while, and after the second one is welcome
    for (let ms = 2; ms < 80; ms++) {
      const w = world(t, {}, { seed: ms, latencyMs: 8 });
      const { seen } = w.watch('');
      w.clock.advance(100);
      w.server.lose('');
      w.server.drain(ms);
      w.clock.advance(2);
      w.server.publish('', 1);
      w.clock.advance(10_000);
      w.server.publish('', 2);
      w.clock.advance(100);
      const numbers = seen.filter((one) => typeof one === 'number');
      // the service does not replay the new log: what came while no socket was open is the gap's
      const isWhole = numbers.length === 2 || seen.includes('gap log_lost');
      t.same([numbers, isWhole], [numbers.length === 2 ? [1, 2] : [2], true], `${ms} ms`);
    }
  },
);

t.test(
  'when a handover is under way, then the presence of the client itself is not shown',
  async (t) => {
    const w = world(t);
    const shown: unknown[] = [];
    w.chat.room('r').presence$.subscribe(({ data }) => shown.push(data));
    w.clock.advance(100);
    w.server.announce('r', 'connection-1', 'online');
    w.server.announce('r', 'another', 'online');
    w.server.drain(1_000);
    w.clock.advance(2_000);
    w.server.announce('r', 'connection-1', 'offline');
    w.clock.advance(100);
    t.same(shown, [{ user_id: null, connection_id: 'another', status: 'online' }]);
  },
);

t.test(
  'when the second socket of a handover is refused because of its token, then another token is requested',
  async (t) => {
    let given = 0;
    const w = world(t, { token: () => `token-${++given}` });
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.drain(3_000);
    while (w.server.open().length < 2) w.clock.advance(1);
    w.server.open()[1]?.end(4001, 'token expired');
    w.clock.advance(5_000);
    w.server.publish('r', 1);
    w.clock.advance(100);
    t.same([given, seen, tags(w).at(-1)], [3, [1], 'Live']);
  },
);

t.test(
  'when the pod that took over drains as well, then its connection is handed over, too',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    for (let i = 0; i < 5; i++) {
      w.server.drain(1_000);
      w.clock.advance(1_500);
    }
    t.equal(w.server.sockets.length, 6);
    t.notOk(tags(w).includes('Waiting'));
  },
);

type Work = (w: ReturnType<typeof world>) => void;
const live: Work = (w) => {
  w.watch('r');
  w.clock.advance(100);
};
const TO: Readonly<Record<string, Work>> = {
  Idle: () => undefined,
  Connecting: (w) => {
    w.watch('r');
  },
  Live: live,
  Draining: (w) => {
    live(w);
    w.server.drain(60_000);
    w.clock.advance(1);
  },
  Waiting: (w) => {
    live(w);
    w.server.setUp(false);
    w.server.cut();
    w.clock.advance(5_000);
  },
  Offline: (w) => {
    live(w);
    w.page$.next('offline');
  },
  Closed: (w) => {
    live(w);
    w.server.close(4503);
    w.clock.advance(10);
  },
};

for (const [phase, reach] of Object.entries(TO))
  t.test(
    `when the application closes the client in ${phase}, then it stays closed, and all streams end`,
    async (t) => {
      const w = world(t);
      let ended = 0;
      const complete = (): void => {
        ended += 1;
      };
      reach(w);
      t.equal(tags(w).at(-1), phase);
      w.chat.status$.subscribe({ complete });
      if (phase !== 'Idle') w.chat.room('r').members$.subscribe({ complete });
      w.chat.close();
      for (const event of ['online', 'resume', 'visible'] as const) w.page$.next(event);
      w.server.setUp(true);
      w.clock.advance(600_000);
      t.same([tags(w).at(-1), ended], ['Closed', phase === 'Idle' ? 1 : 2]);
      t.same(w.server.open(), []);
      await t.rejects(w.chat.room('r').publish(1), { code: 'closed' });
      let late = 0;
      w.chat.room('late').message$.subscribe({ complete: () => (late += 1) });
      t.equal(late, 1);
    },
  );

t.test(
  'when a request for a token is never answered, then another one is made, and nothing is closed',
  async (t) => {
    let asked = 0;
    const w = world(t, { token: () => (++asked < 3 ? NEVER : 'token') });
    w.watch('r');
    w.clock.advance(9_000);
    t.equal(asked, 1, 'one request at a time');
    w.clock.advance(60_000);
    t.same([asked, tags(w).at(-1)], [3, 'Live']);
  },
);

t.test('when an expired token is given, then the next one is not requested at once', async (t) => {
  let asked = 0;
  const w: ReturnType<typeof world> = world(t, {
    token: () => {
      asked++;
      return `e30.${btoa(JSON.stringify({ exp: w.clock.wall() / 1_000 - 10 }))}.x`;
    },
  });
  w.watch('r');
  w.clock.advance(60_000);
  t.equal(asked, 1);
});

t.test(
  'when only the second connection of a handover joins a room, then the application learns that it is live',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(100);
    w.server.drain(5_000);
    w.clock.advance(10);
    // the pod that drains stands still
    Object.assign(w.server.sockets[0]!, { send: () => undefined });
    const [events, positions]: [string[], string[]] = [[], []];
    const room = w.chat.room('q');
    room.event$.subscribe(({ _tag }) => events.push(_tag));
    room.position$.subscribe((id) => positions.push(id));
    w.clock.advance(10_000);
    t.same([events, positions.length, w.server.sockets.length], [['Joined'], 1, 2]);
  },
);

t.test('when tokens live for seconds, then they are refreshed at half their time', async (t) => {
  let asked = 0;
  const w: ReturnType<typeof world> = world(t, {
    token: () => {
      asked++;
      return `e30.${btoa(JSON.stringify({ exp: Math.floor(w.clock.wall() / 1_000) + 10 }))}.x`;
    },
  });
  w.watch('r');
  w.clock.advance(60_000);
  t.ok(asked > 8 && asked < 16, `${asked}`);
  t.equal(w.server.sockets.length, 1);
});

t.test(
  'when the wall clock is set back by an hour, then a silent server is noticed all the same',
  async (t) => {
    const w = world(t);
    w.watch('r');
    w.clock.advance(1_000);
    w.clock.sleep(-3_600_000);
    w.server.setSilent(true);
    w.clock.advance(70_000);
    w.server.setSilent(false);
    w.clock.advance(60_000);
    t.ok(w.server.sockets.length > 1);
    t.equal(tags(w).at(-1), 'Live');
  },
);

t.test(
  'when pod after pod drains within 10 s of Live, then each close with 1001 is followed by a new connection at once',
  async (t) => {
    const w = world(t);
    w.watch('r');
    for (let pod = 1; pod <= 12; pod++) {
      w.clock.advance(2_000);
      t.equal(tags(w).at(-1), 'Live');
      w.server.sockets.at(-1)?.end(1001, 'pod going away');
      w.clock.advance(50);
      t.same([pod, tags(w).at(-1)], [pod, 'Live']);
    }
  },
);

t.test(
  'when a server accepts and closes at once, then the client does not try without a pause',
  async (t) => {
    for (const code of [1001, 4001, 1013]) {
      const w = world(t);
      w.server.accept$.subscribe((socket) => socket.end(code, ''));
      w.watch('r');
      w.clock.advance(60_000);
      t.ok(w.server.sockets.length < 40, `${code}: ${w.server.sockets.length}`);
    }
  },
);

t.test(
  'when the page is hidden from the start, then nothing connects until it is visible',
  async (t) => {
    const w = world(t);
    w.page$.next('hidden');
    w.watch('r');
    w.clock.advance(60_000);
    t.same([w.server.sockets.length, tags(w).at(-1)], [0, 'Waiting']);
    w.page$.next('visible');
    w.clock.advance(50);
    t.equal(tags(w).at(-1), 'Live');
  },
);

t.test('when the platform has no WebSocket, then the error names what to pass', async (t) => {
  if ('WebSocket' in globalThis) return;
  t.throws(() => connect({ url: 'ws://server/ws' }), { message: /pass that of 'ws'/ });
});

t.test(
  'when the second socket of a handover is tried often, then the old one sends no more than the rate',
  async (t) => {
    const w = world(t, {}, { rate: 100 });
    w.watch('r');
    w.clock.advance(100);
    const [old] = w.server.sockets;
    const framesOfASecond = (): number => {
      const before = old?.frames.length ?? 0;
      for (let i = 0; i < 200; i++) {
        void w.chat
          .room('r')
          .publish(i)
          .catch(() => undefined);
        w.clock.advance(5);
      }
      return (old?.frames.length ?? 0) - before;
    };
    framesOfASecond();
    w.server.setUp(false);
    w.server.drain(20_000);
    const seconds = Array.from({ length: 8 }, framesOfASecond);
    t.ok(w.server.sockets.length > 2, 'the second socket was tried');
    t.ok(Math.min(...seconds) > 50, `the client is busy: ${seconds.join(' ')}`);
    t.ok(Math.max(...seconds) <= 100, `frames in each second: ${seconds.join(' ')}`);
  },
);
