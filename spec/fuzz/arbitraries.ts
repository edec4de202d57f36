/** What may be thrown at a pod: what is right, changed a little in many ways, and now and then sheer noise. */
import fc, { type Arbitrary } from 'fast-check';
import { BASE } from '../support/pod.js';
import { KEY } from '../support/raw-client.js';
import type { Attack } from './attack.js';

// words that programs fall for

const ROOMS = [
  'general',
  'fuzz',
  'constructor',
  '__proto__',
  'stats',
  '..',
  '%2e%2e',
  'a%2Fb',
  'a b',
  '*',
  '%00',
  '%E0%A4%A',
  '{a}',
  '',
  'x'.repeat(129),
];
const TEXTS = [
  '',
  ' ',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  '%s%n',
  '${jndi:x}',
  '\r\n',
  '\u0000',
  '\ufeff',
  '\ud800',
  '\u202e',
  '💬',
  '-1',
  '1e999',
  'a'.repeat(5_000),
];

const noise = (maxLength: number): Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const word: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: noise(20) },
);

/** UTF-8, each byte one character. */
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');

/** Some places of a text changed: cut out, doubled, overwritten, turned over. */
const mutated = (text: string, most: number): Arbitrary<string> =>
  fc
    .array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        length: fc.nat(12),
        how: fc.constantFrom('cut', 'double', 'write', 'flip', 'end'),
        with: noise(4),
      }),
      { maxLength: most },
    )
    .map((changes) =>
      changes.reduce((now, { at, length, how, with: written }) => {
        const start = Math.floor(at * now.length);
        const [before, piece, after] = [
          now.slice(0, start),
          now.slice(start, start + length),
          now.slice(start + length),
        ];
        switch (how) {
          case 'cut':
            return before + after;
          case 'double':
            return before + piece + piece + after;
          case 'write':
            return before + written + after;
          case 'flip':
            return (
              before +
              String.fromCharCode((now.charCodeAt(start) || 0) ^ (1 << (length % 8))) +
              now.slice(start + 1)
            );
          default:
            return before;
        }
      }, text),
    );

const sometimesMutated = (text: Arbitrary<string>, most = 3): Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: text },
    { weight: 2, arbitrary: text.chain((right) => mutated(right, most)) },
  );

/** How it comes: as a whole, or in pieces. */
const inPieces = (text: Arbitrary<string>): Arbitrary<readonly string[]> =>
  fc.oneof(
    { weight: 3, arbitrary: text.map((whole) => [whole]) },
    {
      weight: 1,
      arbitrary: fc.tuple(text, fc.array(fc.nat(400), { maxLength: 6 })).map(([whole, lengths]) => {
        let at = 0;
        const pieces = lengths.map((length) => whole.slice(at, (at += length)));
        return [...pieces, whole.slice(at)];
      }),
    },
  );

// JSON

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const json: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 3, arbitrary: word.map((text) => JSON.stringify(text)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'null',
      'true',
      '0',
      '-0',
      '1e999',
      '9007199254740993',
      '{}',
      '[]',
      '"\\ud800"',
      '"\\u0000"',
      '{"__proto__":{"a":1}}',
      'NaN',
      '',
      "'x'",
      nested(32),
      nested(33),
      nested(5_000),
      `"${'x'.repeat(60_000)}"`,
      `[${'1e20,'.repeat(8_000)}1]`,
    ),
  },
);

/** An object with the fields given, some of them left out, some other ones, some twice. */
const objectOf = (fields: Readonly<Record<string, Arbitrary<string>>>): Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 2, arbitrary: fc.record(fields) },
        { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
      ),
      fc.array(
        fc.tuple(
          fc.oneof(fc.constantFrom(...Object.keys(fields), '__proto__', 'constructor'), word),
          json,
        ),
        { maxLength: 2 },
      ),
    )
    .map(([some, more]) => {
      const pairs = [...Object.entries(some), ...more].map(
        ([key, value]) => `${JSON.stringify(key)}:${value ?? 'null'}`,
      );
      return `{${pairs.join(',')}}`;
    });

const quoted = (...texts: readonly string[]): Arbitrary<string> =>
  fc.constantFrom(...texts.map((text) => JSON.stringify(text)));
const mostly = <A>(right: Arbitrary<A>, other: Arbitrary<A>): Arbitrary<A> =>
  fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: other });

const mostlyOf = (right: Arbitrary<string>): Arbitrary<string> => mostly(right, json);

/** A UUIDv7 with any place in it. */
const position: Arbitrary<string> = fc
  .record({
    ms: fc.maxSafeNat().map((ms) => (ms % 2 === 0 ? Date.now() - (ms % 100_000) : ms % 2 ** 48)),
    bits: fc.bigInt({ min: 0n, max: 2n ** 74n - 1n }),
  })
  .map(({ ms, bits }) => {
    const low = (bits & (2n ** 62n - 1n)) | (2n << 62n);
    const high = (BigInt(ms) << 16n) | (7n << 12n) | (bits >> 62n);
    const hex = high.toString(16).padStart(16, '0') + low.toString(16).padStart(16, '0');
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
  });

const id = mostlyOf(
  fc.oneof(
    position.map((text) => JSON.stringify(text)),
    fc.uuid().map((text) => JSON.stringify(text)),
    quoted('a', 'x'.repeat(64), 'x'.repeat(65), ''),
  ),
);
const room = mostlyOf(
  fc.oneof(quoted('general', 'fuzz', ''), quoted(...ROOMS), fc.constant('null')),
);

const message = sometimesMutated(
  objectOf({
    type: mostlyOf(
      quoted('chat', 'chat', 'presence', 'ping', 'join', 'leave', 'refresh', 'system', 'error'),
    ),
    id,
    room,
    data: mostlyOf(
      fc.oneof(
        json,
        quoted('hi'),
        position.map((lastId) => `{"last_id":"${lastId}"}`),
        word.map((lastId) => JSON.stringify({ last_id: lastId })),
        word.map((token) => JSON.stringify({ token })),
        fc.constantFrom('{"status":"away"}', '{"status":"online","x":1}', '{"status":1}'),
      ),
    ),
    from: json,
    timestamp: json,
  }).map(bytesOf),
);

// frames

const OPCODES = { text: 1, binary: 2, continuation: 0, close: 8, ping: 9, pong: 10 };

const frame = (
  opcode: number,
  payload: string,
  more: {
    readonly first?: number;
    readonly mask?: readonly number[] | null;
    readonly claims?: bigint;
  } = {},
): string => {
  const { first = 0x80, mask = [1, 2, 3, 4], claims } = more;
  const length = claims ?? BigInt(payload.length);
  const short = length < 126n ? Number(length) : length < 65_536n ? 126 : 127;
  const head = Buffer.alloc(2 + (short === 126 ? 2 : short === 127 ? 8 : 0));
  head[0] = first | opcode;
  head[1] = (mask === null ? 0 : 0x80) | short;
  if (short === 126) head.writeUInt16BE(Number(length), 2);
  if (short === 127) head.writeBigUInt64BE(length, 2);
  const body = Buffer.from(payload, 'latin1');
  if (mask !== null) for (const [i, byte] of body.entries()) body[i] = byte ^ (mask[i % 4] ?? 0);
  return Buffer.concat([head, Buffer.from(mask ?? []), body]).toString('latin1');
};

const textFrame = message.map((text) => frame(OPCODES.text, text));

const closing = fc
  .tuple(
    fc.oneof(fc.constantFrom(1000, 1001, 1005, 1006, 1015, 999, 0), fc.nat(65_535)),
    fc.oneof(fc.constant(''), noise(130)),
  )
  .map(([code, reason]) =>
    frame(OPCODES.close, String.fromCharCode(code >> 8, code & 0xff) + reason),
  );

const anyFrame = fc
  .record({
    opcode: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...Object.values(OPCODES)) },
      { weight: 1, arbitrary: fc.nat(15) },
    ),
    first: fc.constantFrom(0x80, 0x80, 0, 0xc0, 0xa0, 0x90, 0xf0, 0x40),
    mask: fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    payload: fc.oneof(
      noise(200),
      message,
      word.map(bytesOf),
      fc.constantFrom(
        '',
        'x'.repeat(125),
        'x'.repeat(126),
        'x'.repeat(65_536),
        'x'.repeat(65_537),
        '\xc0\x80',
        '\xed\xa0\x80',
      ),
    ),
    claims: fc.oneof(
      { weight: 9, arbitrary: fc.constant(undefined) },
      {
        weight: 1,
        arbitrary: fc.oneof(
          fc.bigInt({ min: 0n, max: 70_000n }),
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        ),
      },
    ),
  })
  .map(({ opcode, first, mask, payload, claims }) =>
    frame(opcode, payload, { first, mask, ...(claims === undefined ? {} : { claims }) }),
  );

/** A message over several frames, with what may come between them, and what may not. */
const fragmented = fc
  .tuple(
    message,
    fc.array(fc.nat(30), { minLength: 1, maxLength: 70 }),
    fc.array(
      fc.constantFrom(
        frame(OPCODES.ping, 'between'),
        frame(OPCODES.pong, ''),
        frame(OPCODES.text, '{}'),
        frame(OPCODES.close, ''),
      ),
      { maxLength: 2 },
    ),
  )
  .map(([text, lengths, between]) => {
    let at = 0;
    const frames = lengths.map((length, i) =>
      frame(i === 0 ? OPCODES.text : OPCODES.continuation, text.slice(at, (at += length)), {
        first: 0,
      }),
    );
    return [
      ...frames.slice(0, 1),
      ...between,
      ...frames.slice(1),
      frame(OPCODES.continuation, text.slice(at)),
    ].join('');
  });

const many = (one: Arbitrary<string>, maxLength: number): Arbitrary<string> =>
  fc.array(one, { minLength: 1, maxLength }).map((all) => all.join(''));

// HTTP

const target = mostly(
  fc.oneof(
    fc.constantFrom(...ROOMS).map((name) => `${BASE}/ws/${name}`),
    fc
      .tuple(
        fc.constantFrom('last_id', 'room', 'token', '__proto__'),
        fc.oneof(position, fc.constantFrom(...ROOMS), word.map(encodeOdd)),
      )
      .map(([name, text]) => `${BASE}/ws?${name}=${text}`),
    fc
      .tuple(
        fc.constantFrom(...ROOMS),
        fc.constantFrom('after', 'before', 'limit', 'x'),
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
        { weight: 1, arbitrary: fc.oneof(word.map(bytesOf), noise(30)) },
      )
      .map((value) => `${name}: ${value}`),
  );

const headLines = (method: string, path: string, headers: readonly string[]): string =>
  `${method} ${path} HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

const UPGRADE = [
  'Host: x',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
];

const handshake = sometimesMutated(
  fc
    .tuple(
      mostly(fc.constant('GET'), fc.constantFrom('POST', 'get', 'CONNECT', 'HEAD', '')),
      target,
      fc.array(header, { maxLength: 3 }),
      mostly(fc.constant(UPGRADE), fc.subarray(UPGRADE, { minLength: 4 })),
    )
    .map(([method, path, more, right]) => headLines(method, path, [...right, ...more])),
);

const request = sometimesMutated(
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

// Redis

const time = mostlyOf(fc.constantFrom('"2026-01-15T10:30:00.123Z"', '"2026-13-45T99:99:99.999Z"'));

const payload = sometimesMutated(
  objectOf({
    id,
    type: mostlyOf(quoted('chat', 'chat', 'presence', 'notification', 'system', 'error')),
    room: mostlyOf(quoted('general', 'fuzz')),
    from: mostlyOf(quoted('api', 'server', 'x')),
    data: fc.oneof(
      json,
      fc.constantFrom(
        '{"event":"app.x"}',
        '{"event":"gap"}',
        '{"connection_id":"x","status":"online"}',
      ),
    ),
    timestamp: time,
  }).map(bytesOf),
);

const operatorsWord = sometimesMutated(
  objectOf({
    _tag: mostlyOf(quoted('Disconnect')),
    whom: mostlyOf(quoted('connection', 'user')),
    id: mostlyOf(quoted('x')),
  }).map(bytesOf),
);

const CHANNELS = [
  'realtime:room:general',
  'realtime:room:fuzz',
  'realtime:global',
  'realtime:control',
  'realtime:pod:fuzzed',
  'realtime:room:',
  'realtime:',
  'realtime:room:*',
];

// all of it

const OPEN = headLines('GET', `${BASE}/ws/general`, UPGRADE);
const FUZZ = headLines('GET', `${BASE}/ws/fuzz`, UPGRADE);

const socket = (text: Arbitrary<string>): Arbitrary<Attack> =>
  inPieces(text).map((pieces) => ({ _tag: 'Socket', pieces }));

const afterHandshake = (frames: Arbitrary<string>): Arbitrary<string> =>
  fc.tuple(fc.constantFrom(OPEN, FUZZ, FUZZ), frames).map(([head, rest]) => head + rest);

/** The kinds, by which the statistics are told. */
export const KINDS: Readonly<Record<string, Arbitrary<Attack>>> = {
  handshake: socket(handshake),
  frames: socket(
    afterHandshake(many(fc.oneof(anyFrame, anyFrame, closing, textFrame, fragmented), 6)),
  ),
  messages: socket(afterHandshake(many(textFrame, 25))),
  requests: socket(
    fc.oneof(
      { weight: 3, arbitrary: request },
      { weight: 1, arbitrary: many(request, 8) },
      { weight: 1, arbitrary: noise(300) },
    ),
  ),
  payloads: fc.record({
    _tag: fc.constant('Payload' as const),
    channel: fc.constantFrom(...CHANNELS),
    bytes: fc.oneof(
      { weight: 6, arbitrary: payload },
      { weight: 2, arbitrary: operatorsWord },
      { weight: 1, arbitrary: noise(300) },
    ),
  }),
};
