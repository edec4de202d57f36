/** Random messages of clients, and frames around them. */
import fc, { type Arbitrary } from 'fast-check';
import {
  bytesOf,
  json,
  mostlyOf,
  noise,
  objectOf,
  quoted,
  ROOMS,
  sometimesMutated,
  shortText,
} from './values.js';

/** A UUIDv7 with any place in it. */
export const position: Arbitrary<string> = fc
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

export const id = mostlyOf(
  fc.oneof(
    position.map((text) => JSON.stringify(text)),
    fc.uuid().map((text) => JSON.stringify(text)),
    quoted('a', 'x'.repeat(64), 'x'.repeat(65), ''),
  ),
);

const room = mostlyOf(
  fc.oneof(quoted('general', 'fuzz', ''), quoted(...ROOMS), fc.constant('null')),
);

export const message = sometimesMutated(
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
        shortText.map((lastId) => JSON.stringify({ last_id: lastId })),
        shortText.map((token) => JSON.stringify({ token })),
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

export const textFrame = message.map((text) => frame(OPCODES.text, text));

export const closing = fc
  .tuple(
    fc.oneof(fc.constantFrom(1000, 1001, 1005, 1006, 1015, 999, 0), fc.nat(65_535)),
    fc.oneof(fc.constant(''), noise(130)),
  )
  .map(([code, reason]) =>
    frame(OPCODES.close, String.fromCharCode(code >> 8, code & 0xff) + reason),
  );

export const anyFrame = fc
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
      shortText.map(bytesOf),
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
export const fragmented = fc
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

export const many = (one: Arbitrary<string>, maxLength: number): Arbitrary<string> =>
  fc.array(one, { minLength: 1, maxLength }).map((all) => all.join(''));
