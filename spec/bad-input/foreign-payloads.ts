/** Payloads that other programs publish to the channels of pods, and who receives what of them. */
import { randomBytes } from 'node:crypto';
import { channelOf } from '../../lib/broker/redis/port.js';
import { type Message, positionOf } from '../support/client.js';
import { type RedisServer } from '../support/redis.js';
import { type Stage } from './row.js';

export const GENERAL = channelOf('general');

/** An id that no log of the service has. */
const newId = (): string => {
  const hex = `${Date.now().toString(16).padStart(12, '0')}7${randomBytes(10).toString('hex').slice(0, 3)}8${randomBytes(8).toString('hex').slice(0, 15)}`;
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
};

/** A message of another program's, but for what is replaced. */
export const foreign = (over: object = {}): string =>
  JSON.stringify({
    id: newId(),
    type: 'chat',
    room: 'general',
    from: 'another program',
    data: 'hi',
    timestamp: new Date().toISOString(),
    ...over,
  });

const sized = (bytes: number): string => {
  const around = foreign({ data: '' });
  return around.replace('"data":""', `"data":"${'x'.repeat(bytes - Buffer.byteLength(around))}"`);
};

export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

export const MALFORMED: readonly (readonly [
  row: string,
  sent: string,
  payload: () => string | Buffer,
])[] = [
  ['R01', 'nothing', () => ''],
  ['R01', 'no JSON', () => 'hello'],
  ['R01', 'half of JSON', () => '{"id":'],
  ['R01', 'bytes', () => Buffer.from([0xff, 0xfe, 0x00, 0x80])],
  ['R01', 'JSON in bytes that are no UTF-8', () => Buffer.from(foreign({ z: '\u00e9' }), 'latin1')],
  ['R02', 'an array', () => '[]'],
  ['R02', 'null', () => 'null'],
  ['R02', 'a number', () => '17'],
  ['R02', 'no id', () => foreign({ id: undefined })],
  ['R02', 'an id that is no UUID', () => foreign({ id: '1' })],
  ['R02', 'a UUIDv4', () => foreign({ id: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d' })],
  ['R02', 'no type', () => foreign({ type: undefined })],
  ['R02', 'type error', () => foreign({ type: 'error' })],
  ['R02', 'type pong', () => foreign({ type: 'pong' })],
  [
    'R02',
    'a control event of ours',
    () => foreign({ type: 'system', data: { event: 'draining', reconnect_in_ms: 0 } }),
  ],
  ['R02', 'system without an event', () => foreign({ type: 'system' })],
  ['R02', 'no from', () => foreign({ from: undefined })],
  ['R02', 'from a number', () => foreign({ from: 7 })],
  ['R02', 'no data', () => foreign({ data: undefined })],
  ['R02', 'no timestamp', () => foreign({ timestamp: undefined })],
  ['R02', 'a timestamp that is no time', () => foreign({ timestamp: '2026-13-45T99:99:99.999Z' })],
  [
    'R02',
    'a timestamp of a day that there is not',
    () => foreign({ timestamp: '2026-02-30T10:00:00.000Z' }),
  ],
  ['R02', 'the 29th of February of 2026', () => foreign({ timestamp: '2026-02-29T10:00:00.000Z' })],
  ['R03', 'a byte more than 131,072', () => sized(131_073)],
  ['R03', '10 MB', () => sized(10_000_000)],
  ['R07', 'another room', () => foreign({ room: 'other' })],
  ['R07', 'no room', () => foreign({ room: undefined })],
  ['R08', '33 levels', () => foreign({ data: 'deep' }).replace('"deep"', nested(33))],
  ['R08', '60,000 levels', () => nested(60_000)],
  ['R08', 'U+0000', () => foreign({ data: '\u0000' })],
  ['R08', 'half a surrogate pair', () => foreign({ data: '\ud800' })],
  ['R08', 'a number beyond a double', () => foreign({ data: 'big' }).replace('"big"', '1e999')],
  ['R08', 'a rounded integer', () => foreign({ data: 'big' }).replace('"big"', '9007199254740993')],
];

/** What the listener gets of a payload that is a message. */
export const DELIVERED: readonly (readonly [row: string, sent: string, payload: () => string])[] = [
  ['R02', 'more fields', () => foreign({ more: [1] })],
  [
    'R02',
    'an event of its own',
    () => foreign({ type: 'system', data: { event: 'app.maintenance' } }),
  ],
  ['R03', '131,072 bytes', () => sized(131_072)],
  [
    'R08',
    '__proto__ and constructor in data',
    () => foreign({ data: 'x' }).replace('"x"', '{"__proto__":{"a":1},"constructor":1}'),
  ],
];

export const publish = async (
  redis: RedisServer,
  channel: string,
  payload: string | Buffer,
): Promise<number> => Number(await redis.command('PUBLISH', channel, payload as string));

export type Foreign = Message & { readonly ref?: string };

/** What members must get of another program's message: the known fields, its own id as `ref`. */
export const rebuiltOf = ({ id, type, room, from, data, timestamp }: Foreign): string =>
  JSON.stringify({ ref: id, type, room, from, data, timestamp });

/**
 * The same fields of the message that came, under an id of the pod outside the log; an unknown field would
 * show.
 */
export const rebuilt = (message: Foreign): string => {
  const { id, ref, ...fields } = message;
  return positionOf(message).outside ? JSON.stringify({ ref, ...fields }) : `under ${id}`;
};

/**
 * The messages that the listener got while a function ran, without those of the residents and without
 * presence.
 */
export const receivedDuring = async (
  stage: Stage,
  work: () => Promise<unknown>,
): Promise<readonly Message[]> => {
  const before = stage.received().length;
  await work();
  await stage.settled();
  await stage.settled();
  return stage
    .received()
    .slice(before)
    .filter(({ type }) => type !== 'presence');
};
