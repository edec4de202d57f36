/** What the load tests share: addresses, keys, and the order of a room's messages. */
import { Counter, Rate, Trend } from 'k6/metrics';

/** The service, or the load balancer in front of it. */
export const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8000';
export const API = BASE_URL + (__ENV.BASE_PATH || '/api/chat-api');
const SOCKETS = API.replace(/^http/, 'ws') + '/ws';

/** With AUTH_ENABLED: an API key for requests, and one token for all users. */
const { API_KEY, TOKEN } = __ENV;
/** @type {Record<string, string>} */
const key = API_KEY ? { 'X-API-Key': API_KEY } : {};

/** @type {Record<string, string>} */
export const requestHeaders = { 'Content-Type': 'application/json', ...key };

/** @type {Record<string, string>} */
export const socketHeaders = TOKEN ? { Authorization: `Bearer ${TOKEN}` } : {};

/**
 * A number of the environment.
 * @type {(name: string, otherwise: number) => number}
 */
export const numberOf = (name, otherwise) => Number(__ENV[name] || otherwise);

/** @type {(room: string, lastId?: string) => string} */
export const socketUrl = (room, lastId) =>
  `${SOCKETS}/${room}${lastId ? `?last_id=${lastId}` : ''}`;

/** Messages that did not come: holes in the offsets of a room. */
export const lost = new Counter('chat_lost');
/** Messages that came twice. */
export const repeated = new Counter('chat_repeated');
/** Gaps that the service reported. */
export const gaps = new Counter('chat_gaps');
/** From the handshake to `joined`. */
export const joined = new Trend('chat_joined', true);
/** From sending to the `ack`. */
export const acked = new Trend('chat_ack', true);
/** From sending to the own message coming back. */
export const delivered = new Trend('chat_delivery', true);
/** Sent messages that got an `ack`. */
export const accepted = new Rate('chat_accepted');

/**
 * The offset in an id, and whether the message is in the log of a room: bits 2 to 41 of its last half are the offset,
 * then come one bit for the global log and one for messages outside the log.
 * @type {(id: string) => { offset: number, isLogged: boolean }}
 */
export const positionOf = (id) => {
  const bits = parseInt(id.slice(19, 31).replace('-', ''), 16) % 2 ** 42;
  return { offset: Math.floor(bits / 4), isLogged: bits % 4 === 0 };
};

/**
 * Follows the messages of one room.
 * @type {(lastId?: string) => { take: (id: string) => void, lastId: () => string | undefined }}
 */
export const follower = (lastId) => {
  let last = lastId;
  return {
    take: (id) => {
      const { offset, isLogged } = positionOf(id);
      if (!isLogged) return;
      const before = last === undefined ? offset - 1 : positionOf(last).offset;
      if (offset > before + 1) lost.add(offset - before - 1);
      if (offset <= before) repeated.add(1);
      else last = id;
    },
    lastId: () => last,
  };
};
