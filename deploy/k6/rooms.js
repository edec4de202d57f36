/**
 * 1,500 users in rooms of 30. Each sends a message every 10 s and leaves after 20 s. Within a second it publishes
 * over HTTP and connects again. Every message must come, once and in order.
 *
 *   k6 run -e BASE_URL=http://127.0.0.1:8000 deploy/k6/rooms.js
 *
 * USERS, ROOM_SIZE, RAMP and HOLD (s), SESSION (s) and EVERY (s between two messages of a user) change it.
 */
import { check, fail, sleep } from 'k6';
import http from 'k6/http';
import ws from 'k6/ws';
import * as chat from './chat.js';

const USERS = chat.numberOf('USERS', 1500);
const ROOMS = Math.ceil(USERS / chat.numberOf('ROOM_SIZE', 30));
const RAMP = chat.numberOf('RAMP', 30);
const HOLD = chat.numberOf('HOLD', 60);
const SESSION_MS = chat.numberOf('SESSION', 20) * 1000;
const EVERY_MS = chat.numberOf('EVERY', 10) * 1000;
/** In this last part of a session nothing is sent, as its `ack` could come too late. */
const QUIET_MS = 2000;

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    rooms: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: `${RAMP}s`, target: USERS },
        { duration: `${HOLD}s`, target: USERS },
        { duration: `${RAMP}s`, target: 0 },
      ],
      gracefulRampDown: '60s',
    },
  },
  thresholds: {
    checks: ['rate>0.999'],
    ws_connecting: ['p(95)<2000'],
    chat_joined: ['p(95)<2000'],
    chat_ack: ['p(95)<500', 'p(99)<1000'],
    chat_delivery: ['p(95)<500', 'p(99)<1000'],
    chat_accepted: ['rate>0.9999'],
    chat_lost: ['count==0'],
    chat_repeated: ['count==0'],
    chat_gaps: ['count==0'],
    http_req_failed: ['rate<0.001'],
    'http_req_duration{name:publish}': ['p(95)<1000'],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
};

export const setup = () => {
  const { status } = http.get(`${chat.BASE_URL}/ready`, { tags: { name: 'ready' } });
  if (status !== 200) fail(`no service is ready on ${chat.BASE_URL}: ${status}`);
};

/** @type {(room: string) => void} */
const publish = (room) => {
  const body = JSON.stringify({ room, type: 'notification', data: { user: __VU } });
  const answer = http.post(`${chat.API}/messages`, body, {
    headers: chat.requestHeaders,
    tags: { name: 'publish' },
  });
  check(answer, { 'a request is accepted': ({ status }) => status === 202 });
};

export default () => {
  const room = `k6-${__VU % ROOMS}`;
  publish(room);
  const follower = chat.follower();
  const began = Date.now();
  /** When each message was sent, by its key. @type {Map<string, number>} */
  const sent = new Map();
  /** Those without an `ack`. @type {Set<string>} */
  const waiting = new Set();
  let messages = 0;
  let code = 0;

  const answer = ws.connect(chat.socketUrl(room), { headers: chat.socketHeaders }, (socket) => {
    const send = () => {
      if (Date.now() - began > SESSION_MS - QUIET_MS) return;
      const id = `${__VU}-${__ITER}-${began}-${messages++}`;
      sent.set(id, Date.now());
      waiting.add(id);
      socket.send(
        JSON.stringify({ type: 'chat', room, id, data: { id, text: 'hello, everybody' } }),
      );
    };
    socket.on('message', (text) => {
      const { id, type, room: of, data } = JSON.parse(text);
      if (of === room && (type === 'chat' || type === 'notification')) follower.take(id);
      const own = type === 'chat' ? sent.get(data.id) : undefined;
      if (own !== undefined) chat.delivered.add(Date.now() - own);
      if (type !== 'system') return;
      if (data.event === 'gap') chat.gaps.add(1);
      if (data.event === 'ack' && waiting.delete(data.ref)) {
        chat.acked.add(Date.now() - (sent.get(data.ref) || 0));
        chat.accepted.add(true);
      }
      if (data.event === 'joined' && data.room === room) {
        chat.joined.add(Date.now() - began);
        // not all at the same moment
        socket.setTimeout(
          () => {
            send();
            socket.setInterval(send, EVERY_MS);
          },
          Math.random() * EVERY_MS + 1,
        );
      }
    });
    socket.on('close', (why) => {
      code = Number(why);
    });
    socket.setTimeout(() => socket.close(1000), SESSION_MS);
  });

  for (const _ of waiting) chat.accepted.add(false);
  check(answer, {
    'the handshake is answered with 101': ({ status }) => status === 101,
    'the user ends the connection': () => code === 1000,
  });
  sleep(Math.random());
};
