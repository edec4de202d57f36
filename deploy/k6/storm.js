/**
 * Reconnect storms: 1,500 users lose their connections at the same moment, three times, and come back with the id of
 * their last message while messages go on. Everyone must get what was missed.
 *
 *   k6 run -e BASE_URL=http://127.0.0.1:8000 deploy/k6/storm.js
 *
 * USERS, ROOM_SIZE, ARRIVAL (s), STORMS, EVERY (s between two storms) and RATE (messages a second) change it.
 */
import { check, fail, sleep } from 'k6';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import ws from 'k6/ws';
import * as chat from './chat.js';

const USERS = chat.numberOf('USERS', 1500);
const ROOMS = Math.ceil(USERS / chat.numberOf('ROOM_SIZE', 30));
const STORMS = chat.numberOf('STORMS', 3);
const EVERY_MS = chat.numberOf('EVERY', 20) * 1000;
const RATE = chat.numberOf('RATE', 20);
/** The first connections of the users are spread over this time, in seconds. */
const ARRIVAL_S = chat.numberOf('ARRIVAL', 10);
const PUBLISHERS = 5;
const LENGTH_S = ARRIVAL_S + 5 + ((STORMS + 1) * EVERY_MS) / 1000;

/** From the storm to `joined`, with all that was missed. */
const recovered = new Trend('storm_recovered', true);
const replayed = new Counter('storm_replayed');
const refused = new Counter('storm_refused');

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    users: {
      executor: 'per-vu-iterations',
      vus: USERS,
      iterations: 1,
      maxDuration: `${Math.ceil(LENGTH_S + 60)}s`,
      exec: 'visit',
    },
    publishers: {
      executor: 'constant-vus',
      vus: PUBLISHERS,
      duration: `${Math.ceil(LENGTH_S)}s`,
      exec: 'publish',
    },
  },
  thresholds: {
    checks: ['rate>0.999'],
    storm_recovered: ['p(95)<5000', 'max<15000'],
    chat_lost: ['count==0'],
    chat_repeated: ['count==0'],
    chat_gaps: ['count==0'],
    http_req_failed: ['rate<0.001'],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
};

/** @returns {number} when the first storm comes, Unix ms */
export const setup = () => {
  const { status } = http.get(`${chat.BASE_URL}/ready`);
  if (status !== 200) fail(`no service is ready on ${chat.BASE_URL}: ${status}`);
  return Date.now() + (ARRIVAL_S + 5) * 1000 + EVERY_MS;
};

/** @type {() => void} */
export const publish = () => {
  const room = `storm-${Math.floor(Math.random() * ROOMS)}`;
  const body = JSON.stringify({ room, data: 'during the storm' });
  const answer = http.post(`${chat.API}/messages`, body, { headers: chat.requestHeaders });
  check(answer, { 'a request is accepted': ({ status }) => status === 202 });
  sleep(PUBLISHERS / RATE);
};

/**
 * Keeps a connection open until the time `until`. Returns the id of the last message, for the next connection.
 * @type {(room: string, lastId: string | undefined, from: number, until: number) => string | undefined}
 */
const stay = (room, lastId, from, until) => {
  const follower = chat.follower(lastId);
  const isBack = lastId !== undefined;
  const headers = chat.socketHeaders;
  const answer = ws.connect(chat.socketUrl(room, lastId), { headers }, (socket) => {
    socket.on('message', (text) => {
      const { id, type, room: of, data } = JSON.parse(text);
      if (of === room && type === 'chat') follower.take(id);
      if (type !== 'system') return;
      if (data.event === 'gap') chat.gaps.add(1);
      if (data.event !== 'joined' || data.room !== room) return;
      // no message has come to this user yet: it begins at the last message of the log
      if (follower.lastId() === undefined && data.position) follower.take(data.position);
      if (!isBack) return;
      recovered.add(Date.now() - from);
      replayed.add(data.recovered || 0);
    });
    socket.setTimeout(() => socket.close(1000), Math.max(1, until - Date.now()));
  });
  if (answer.status === 101) return follower.lastId();
  refused.add(1);
  sleep(0.5 + Math.random());
  return stay(room, lastId, from, until);
};

/** @type {(firstStorm: number) => void} */
export const visit = (firstStorm) => {
  const room = `storm-${__VU % ROOMS}`;
  sleep(Math.random() * ARRIVAL_S);
  let lastId = stay(room, undefined, 0, firstStorm);
  for (let storm = 0; storm < STORMS; storm++) {
    const from = firstStorm + storm * EVERY_MS;
    lastId = stay(room, lastId, from, from + EVERY_MS);
  }
};
