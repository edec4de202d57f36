/** The server in memory answers as the service does, and does what a spec asks of it. */
import t, { type Test } from 'tap';
import { connect } from '../../lib/client/index.js';
import { scriptedServer, virtualClock } from '../../lib/testing/index.js';

interface Socket {
  send(text: string): void;
  close(code: number): void;
  addEventListener(type: string, listener: (event: { data: string; code: number }) => void): void;
}

const open = (_: Test, query = '') => {
  const clock = virtualClock();
  const server = scriptedServer({ clock });
  const frames: Record<string, unknown>[] = [];
  const closes: number[] = [];
  const connect = (search = query): Socket => {
    const made = new server.WebSocket(`ws://server/ws${search}`) as Socket;
    made.addEventListener('message', ({ data }) =>
      frames.push(JSON.parse(data) as Record<string, unknown>),
    );
    made.addEventListener('close', ({ code }) => closes.push(code));
    clock.advance(10);
    return made;
  };
  const socket = connect();
  const events = (): unknown[] =>
    frames.map(({ type, data }) => (type === 'system' ? (data as { event: string }).event : type));
  const send = (frame: object): void => {
    socket.send(JSON.stringify(frame));
    clock.advance(10);
  };
  return { clock, server, frames, closes, connect, events, send };
};

t.test(
  'when a client connects, joins and publishes, then it gets what the service would send',
  async (t) => {
    const { events, send, frames } = open(t);
    t.same(events(), ['welcome', 'joined']);
    send({ type: 'join', room: 'r', id: 'one' });
    send({ type: 'chat', room: 'r', id: 'two', data: 1 });
    send({ type: 'chat', room: 'r', id: 'two', data: 1 });
    send({ type: 'chat', room: 'other', id: 'three', data: 1 });
    send({ type: 'ping', data: 5 });
    send({ type: 'leave', room: 'r' });
    t.same(events().slice(2), ['joined', 'chat', 'ack', 'ack', 'error', 'pong', 'left']);
    t.match(frames[5], { data: { ref: 'two', duplicate: true } });
    t.match(frames[6], { data: { ref: 'three', code: 'not_a_member' } });
  },
);

t.test(
  'when a client resumes, then it gets what it missed; when that is trimmed or lost, a gap first',
  async (t) => {
    const { events, send, frames, server } = open(t);
    const { id } = server.publish('r', 0);
    for (const data of [1, 2, 3]) server.publish('r', data);
    send({ type: 'join', room: 'r', data: { last_id: id } });
    t.same(events().slice(2), ['chat', 'chat', 'chat', 'joined']);
    t.match(frames.at(-1), { data: { recovered: 3 } });
    server.trim('r', 1);
    send({ type: 'join', room: 'r', data: { last_id: id } });
    t.same(events().slice(6), ['gap', 'chat', 'joined']);
    server.lose('r');
    server.publish('r', 4);
    send({ type: 'join', room: 'r', data: { last_id: id } });
    t.same(events().slice(9), ['chat', 'gap', 'joined'], 'the message came live, and once');
    send({ type: 'join', room: 'q', data: { last_id: server.publish('z', 4).id } });
    t.match(frames.at(-2), { data: { event: 'gap', reason: 'unknown_id' } });
  },
);

t.test(
  'when the application of a spec makes the server fail, then it fails as asked',
  async (t) => {
    const { events, send, frames, closes, connect, server, clock } = open(t);
    server.refuse('r', 'forbidden');
    send({ type: 'join', room: 'r' });
    server.refuse('r', undefined);
    send({ type: 'join', room: 'r' });
    server.remove('r', 'failed');
    server.announce('r', 'nobody', 'online');
    server.setDegraded(true);
    clock.advance(10);
    t.same(events().slice(2), ['error', 'joined', 'left', 'degraded']);
    send({ type: 'chat', room: '', id: 'x', data: 1 });
    t.match(frames.at(-1), { data: { event: 'ack', scope: 'pod' } });
    server.setDegraded(false);
    server.drain(1_000);
    clock.advance(2_000);
    t.same([events().slice(8), closes], [['restored', 'draining'], [1001]]);
    server.setUp(false);
    connect();
    t.same(closes, [1001, 1006]);
    server.setUp(true);
    connect();
    server.setSilent(true);
    server.publish('', 'not sent');
    clock.advance(10);
    t.equal(events().at(-1), 'joined');
    server.cut();
    clock.advance(10);
    t.equal(closes.length, 3);
  },
);

t.test(
  'when the scripted server was silent, then it sends what it held back, in order, before anything else',
  async (t) => {
    const clock = virtualClock();
    const server = scriptedServer({ clock });
    const chat = connect({ url: 'ws://any/ws', WebSocket: server.WebSocket, clock });
    t.teardown(() => chat.close());
    const seen: unknown[] = [];
    const room = chat.room('r');
    room.gap$.subscribe(({ reason }) => seen.push(reason));
    room.message$.subscribe(({ data }) => seen.push(data));
    clock.advance(10);
    server.publish('r', 1);
    clock.advance(10);
    server.setSilent(true);
    server.publish('r', 2);
    clock.advance(10);
    t.same(seen, [1]);
    server.setSilent(false);
    server.publish('r', 3);
    clock.advance(10);
    t.same(seen, [1, 2, 3]);
    t.equal(server.sockets.length, 1);
    server.setSilent(true);
    server.publish('r', 4);
    server.cut();
    clock.advance(10);
    server.setSilent(false);
    clock.advance(5_000);
    t.same(seen, [1, 2, 3, 4], 'what a cut connection has lost comes once, after the resume');
    t.equal(server.sockets.length, 2);
  },
);

t.test(
  'when a client asks for history, then `fetch` of the server answers from the log',
  async (t) => {
    const clock = virtualClock();
    const server = scriptedServer({ clock });
    const { WebSocket, fetch } = server;
    const chat = connect({ url: 'ws://any/ws', WebSocket, fetch, clock });
    t.teardown(() => chat.close());
    for (const data of [1, 2, 3]) server.publish('r', data);
    const { messages, next } = await chat.room('r').history({ limit: 2 });
    t.same(
      messages.map(({ data }) => data),
      [2, 3],
    );
    const first = await chat.room('r').history({ before: next ?? '' });
    t.match(first, { messages: [{ data: 1 }], next: null });
    await t.rejects(chat.global.history(), { name: 'ChatError', code: '404' });
  },
);

t.test(
  'when a client has a relative URL, then the server takes it, and so does its `fetch`',
  async (t) => {
    const clock = virtualClock();
    const { WebSocket, fetch, publish } = scriptedServer({ clock });
    const chat = connect({ url: '/api/chat-api/ws', WebSocket, fetch, clock });
    t.teardown(() => chat.close());
    const seen: unknown[] = [];
    chat.room('r').message$.subscribe(({ data }) => seen.push(data));
    clock.advance(100);
    publish('r', 1);
    clock.advance(100);
    t.same(seen, [1]);
    t.match(await chat.room('r').history(), { messages: [{ data: 1 }] });
  },
);

t.test('when a join is refused for its rate, then the error says when to ask again', async (t) => {
  const { frames, send, server } = open(t);
  server.refuse('r', 'rate_limited');
  send({ type: 'join', room: 'r', id: 'one' });
  t.match(frames.at(-1), { data: { code: 'rate_limited', ref: 'one', retry_in_ms: 1_000 } });
});
