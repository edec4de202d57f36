/**
 * Limits: of one message, of one connection, of all connections together, and times of the handshake and the
 * heartbeat.
 */
import { bytes, count, duration } from '../formats.js';
import { setting } from '../setting.js';

export const limits = {
  maxMessageBytes: setting(
    'MAX_MESSAGE_BYTES',
    65_536,
    bytes,
    'A message as received; one byte more closes with 1009.',
  ),
  sendBufferMessages: setting(
    'SEND_BUFFER_MESSAGES',
    256,
    count(1),
    'Messages that may wait for a connection; one more closes it with 1013.',
  ),
  sendBufferBytes: setting(
    'SEND_BUFFER_BYTES',
    1_048_576,
    bytes,
    'Bytes that may wait for a connection; one more closes it with 1013.',
  ),
  pingIntervalMs: setting(
    'PING_INTERVAL_MS',
    54_000,
    duration(1),
    'The longest time between two pings of a connection. Less than PONG_TIMEOUT_MS.',
  ),
  pongTimeoutMs: setting(
    'PONG_TIMEOUT_MS',
    60_000,
    duration(1),
    'A connection that sends nothing for this long is disconnected.',
  ),
  maxRoomsPerConnection: setting(
    'MAX_ROOMS_PER_CONNECTION',
    100,
    count(1),
    "Rooms of one connection, the URL's included.",
  ),
  rateLimitPerSecond: setting(
    'RATE_LIMIT_PER_SECOND',
    100,
    count(1),
    'Messages a second from one connection.',
  ),
  rateLimitBurst: setting(
    'RATE_LIMIT_BURST',
    200,
    count(1),
    'Messages that may come at once after a pause.',
  ),
  rateLimitBytes: setting(
    'RATE_LIMIT_BYTES',
    1_048_576,
    bytes,
    'Bytes a second from one connection.',
  ),
  handshakeTimeoutMs: setting(
    'HANDSHAKE_TIMEOUT_MS',
    10_000,
    duration(1),
    'How long a client may take to send its request. The pod may take as long again to check its token.',
  ),
  maxConnectionsPerUser: setting(
    'MAX_CONNECTIONS_PER_USER',
    0,
    count(0),
    'Connections of one user on this pod; 0: no limit.',
  ),
  maxConnectionsPerAddress: setting(
    'MAX_CONNECTIONS_PER_ADDRESS',
    0,
    count(0),
    'Connections of one address on this pod, IPv6 by /64; 0: no limit.',
  ),
  outboxTotalBytes: setting(
    'OUTBOX_TOTAL_BYTES',
    268_435_456,
    bytes,
    'Bytes that may wait for all connections together. Beyond that, the fullest ones are closed with 1013.',
  ),
  roomLingerMs: setting(
    'ROOM_LINGER_MS',
    5000,
    duration(0),
    'How long a room stays subscribed after its last leave.',
  ),
};
