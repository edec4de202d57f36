/** Random handshakes and requests. */
import fc from 'fast-check';
import { BASE } from '../support/pod.js';
import { KEY } from '../support/raw-client.js';
import { many, message, position } from './frames.js';
import { bytesOf, mostly, noise, ROOMS, sometimesMutated, shortText } from './values.js';

// HTTP

const target = mostly(
  fc.oneof(
    fc.constantFrom(...ROOMS).map((name) => `${BASE}/ws/${name}`),
    fc
      .tuple(
        fc.constantFrom('last_id', 'room', 'token', '__proto__'),
        fc.oneof(position, fc.constantFrom(...ROOMS), shortText.map(encodeOdd)),
      )
      .map(([name, text]) => `${BASE}/ws?${name}=${text}`),
    fc
      .tuple(
        fc.constantFrom(...ROOMS),
        fc.constantFrom('after', 'before', 'at', 'limit', 'x'),
        fc.oneof(position, fc.constantFrom('0', '-1', '1e9', '1', 'x')),
      )
      .map(([name, key, text]) => `${BASE}/rooms/${name}/messages?${key}=${text}`),
    fc.constantFrom(
      `${BASE}/ws/stats`,
      `${BASE}/messages`,
      `${BASE}/connections/x`,
      `${BASE}/users/x/connections`,
      '/health',
      '/ready',
      '/metrics',
      '//',
      '*',
      '/%zz',
      '/..;/',
      'http://evil/',
      '',
    ),
  ),
  noise(60),
);

/** As URLs hold it: every second time not at all. */
function encodeOdd(text: string): string {
  try {
    return text.length % 2 === 0 ? encodeURIComponent(text) : bytesOf(text);
  } catch {
    return '%';
  }
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  Host: ['x', '', 'evil', '[::1'],
  Upgrade: ['websocket', 'h2c', 'WebSocket', ''],
  Connection: ['Upgrade', 'keep-alive, Upgrade', 'close', 'keep-alive'],
  'Sec-WebSocket-Key': [KEY, 'x', `${'~'.repeat(22)}==`],
  'Sec-WebSocket-Version': ['13', '8', '', '13, 8'],
  'Sec-WebSocket-Protocol': ['realtime.v1', 'a,,b', 'bearer.x.y.z', ',', '__proto__'],
  'Sec-WebSocket-Extensions': [
    'permessage-deflate',
    ';;,=',
    'constructor',
    'permessage-deflate; server_max_window_bits=99',
  ],
  Origin: ['null', 'https://evil', 'http://x'],
  Authorization: ['Bearer x', 'bearer  a.b.c', 'Basic eDp5', 'Bearer'],
  'X-API-Key': ['x', ''],
  'X-Forwarded-For': ['1.2.3.4', ',,,', '[::1]:1, x'],
  'Content-Type': ['application/json', 'text/plain', 'application/json; charset=latin1', ''],
  'Content-Length': ['0', '5', '-1', '99999999', '1, 2', 'x'],
  'Transfer-Encoding': ['chunked', 'gzip', 'chunked, chunked', 'identity'],
  'Content-Encoding': ['gzip', 'identity'],
  Expect: ['100-continue', 'x'],
};

const header = fc
  .constantFrom(...Object.entries(HEADERS))
  .chain(([name, values]) =>
    fc
      .oneof(
        { weight: 4, arbitrary: fc.constantFrom(...values) },
        { weight: 1, arbitrary: fc.oneof(shortText.map(bytesOf), noise(30)) },
      )
      .map((value) => `${name}: ${value}`),
  );

export const headLines = (method: string, path: string, headers: readonly string[]): string =>
  `${method} ${path} HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

export const UPGRADE = [
  'Host: x',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
];

export const handshake = sometimesMutated(
  fc
    .tuple(
      mostly(fc.constant('GET'), fc.constantFrom('POST', 'get', 'CONNECT', 'HEAD', '')),
      target,
      fc.array(header, { maxLength: 3 }),
      mostly(fc.constant(UPGRADE), fc.subarray(UPGRADE, { minLength: 4 })),
    )
    .map(([method, path, more, right]) => headLines(method, path, [...right, ...more])),
);

export const request = sometimesMutated(
  fc
    .tuple(
      fc.constantFrom('GET', 'GET', 'POST', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT'),
      target,
      fc.array(header, { maxLength: 4 }),
      fc.oneof(
        fc.constant(''),
        message,
        many(message, 3).map((texts) => `[${texts}]`),
        noise(50),
      ),
    )
    .map(([method, path, more, body]) => {
      const own =
        body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`];
      return headLines(method, path, ['Host: x', ...own, ...more]) + body;
    }),
);
