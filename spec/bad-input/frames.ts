/** W: frames, byte for byte (RFC 6455 §5). */
import {
  BINARY,
  CLOSING,
  CONTINUATION,
  closeFrame,
  frame,
  handshakeOf,
  PING,
  PONG,
  type RawClient,
  TEXT,
} from '../support/raw-client.js';
import { BASE } from '../support/pod.js';
import { until } from '../support/redis.js';
import { once, orElse, type Row, type Stage } from './row.js';

const chat = (data: unknown): string => JSON.stringify({ type: 'chat', data });

/** A chat message of exactly so many bytes. */
const chatOf = (bytes: number): string => chat('x'.repeat(bytes - chat('').length));

const fragments = (parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part, i) =>
      frame(i === 0 ? TEXT : CONTINUATION, part, { fin: i === parts.length - 1 }),
    ),
  );

const halves = (text: string): readonly string[] => [
  text.slice(0, text.length / 2),
  text.slice(text.length / 2),
];

const parts = (text: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => (i < count - 1 ? text.slice(i, i + 1) : text.slice(i)));

/** How it ended: the code of the close frame, or without one. */
const endOf = async (client: RawClient): Promise<string> => {
  await until('an end', () => client.closeCode() !== undefined || client.isEnded());
  const code = client.closeCode();
  if (code === undefined) return 'cut';
  client.write(closeFrame(code));
  await client.ended();
  return `closed ${code}`;
};

/** The messages of others than the residents in the room, since the row began. */
const receivedSince = (stage: Stage): (() => readonly unknown[]) => {
  const before = stage.received().length;
  return () =>
    stage
      .received()
      .slice(before)
      .flatMap(({ type, data }) => (type === 'chat' ? [data] : []));
};

const closes = (row: string, sent: string, bytes: Buffer, code: number): Row => ({
  row,
  sent,
  due: `closed ${code}`,
  counted: once(`closes ${code}`),
  play: async (stage) => {
    const received = receivedSince(stage);
    const client = await stage.member();
    client.write(bytes);
    const end = await endOf(client);
    return received().length === 0 ? end : 'passed on';
  },
});

/** A valid message, in whatever frames it comes: every member gets it. */
const passes = (row: string, sent: string, bytes: Buffer, text: string, pong?: string): Row => ({
  row,
  sent,
  due: pong === undefined ? 'heard' : `heard, pong "${pong}"`,
  play: async (stage) => {
    const received = receivedSince(stage);
    const client = await stage.member();
    client.write(bytes);
    const { data } = JSON.parse(text) as { readonly data: unknown };
    await until('it is heard', () => received().includes(data));
    if (client.closeCode() !== undefined) return `heard, then closed ${client.closeCode() ?? ''}`;
    if (pong === undefined) return 'heard';
    await until('a pong', () => client.frames().some(({ opcode }) => opcode === PONG));
    const answer = client.frames().find(({ opcode }) => opcode === PONG)?.payload;
    return `heard, pong "${answer?.toString() ?? ''}"`;
  },
});

const echoes = (sent: string, close: Buffer, due: string, row = 'W14'): Row => ({
  row,
  sent,
  due,
  play: async (stage) => {
    const received = receivedSince(stage);
    const client = await stage.member();
    client.write(
      Buffer.concat([
        close,
        frame(TEXT, chat('late')),
        frame(TEXT, 'nonsense'),
        frame(BINARY, 'late'),
      ]),
    );
    await client.ended();
    const answer = client.frames().find(({ opcode }) => opcode === CLOSING)?.payload;
    const code = answer?.length === 0 ? 'no code' : `${answer?.readUInt16BE(0) ?? 'nothing'}`;
    return `echoed ${code}${received().length === 0 ? '' : ', and passed on'}`;
  },
});

const hi = chat('hi');
const smile = Buffer.from(chat('👩'));
const cut = smile.indexOf(Buffer.from('👩')) + 2;
const many = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => frame(PING, 'x')));

export const FRAMES: readonly Row[] = [
  passes('W01', '65,536 bytes', frame(TEXT, chatOf(65_536)), chatOf(65_536)),
  closes('W01', '65,537 bytes', frame(TEXT, chatOf(65_537)), 1009),
  closes('W02', 'a header that claims 2^40 bytes', frame(TEXT, '', { claims: 2n ** 40n }), 1009),
  closes('W02', 'a header that claims 2^63 bytes', frame(TEXT, '', { claims: 2n ** 63n }), 1009),
  passes(
    'W03',
    '65,536 bytes in 64 fragments',
    fragments(parts(chatOf(65_536), 64)),
    chatOf(65_536),
  ),
  closes('W03', '65,537 bytes in two fragments', fragments(halves(chatOf(65_537))), 1009),
  closes('W03', '65,537 bytes in 64 fragments', fragments(parts(chatOf(65_537), 64)), 1009),
  passes(
    'W04',
    '64 fragments, all but one empty',
    fragments([chat('e'), ...Array.from({ length: 63 }, () => '')]),
    chat('e'),
  ),
  closes('W04', '65 fragments', fragments(parts(hi.padEnd(70), 65)), 1008),
  closes(
    'W04',
    '65 fragments, the last ones empty',
    fragments([hi, ...Array.from({ length: 64 }, () => '')]),
    1008,
  ),
  closes('W04', '16,000 fragments of a byte', fragments(parts(chatOf(16_000), 16_000)), 1008),
  closes('W05', 'UTF-8 that is overlong', frame(TEXT, Buffer.from([0xc0, 0x80])), 1007),
  closes('W05', 'UTF-8 of a surrogate', frame(TEXT, Buffer.from([0xed, 0xa0, 0x80])), 1007),
  closes('W05', 'UTF-8 cut off', frame(TEXT, Buffer.from([0xf0, 0x9f, 0x91])), 1007),
  closes('W05', 'a close reason that is not UTF-8', closeFrame(1000, Buffer.from([0xff])), 1007),
  passes(
    'W06',
    'a code point over two fragments',
    fragments([smile.subarray(0, cut), smile.subarray(cut)]),
    smile.toString(),
  ),
  closes('W07', 'unmasked', frame(TEXT, hi, { masked: false }), 1002),
  ...[1, 2, 4, 7].map((rsv) =>
    closes('W07', `reserved bits ${rsv}`, frame(TEXT, hi, { rsv }), 1002),
  ),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    closes('W07', `opcode ${opcode}`, frame(opcode, hi), 1002),
  ),
  closes('W08', 'a continuation of nothing', frame(CONTINUATION, hi), 1002),
  closes(
    'W08',
    'a text within a text',
    Buffer.concat([frame(TEXT, hi, { fin: false }), frame(TEXT, hi)]),
    1002,
  ),
  passes(
    'W09',
    'a ping of 125 bytes',
    Buffer.concat([frame(PING, 'p'.repeat(125)), frame(TEXT, chat('125'))]),
    chat('125'),
    'p'.repeat(125),
  ),
  closes('W09', 'a ping of 126 bytes', frame(PING, 'x'.repeat(126)), 1002),
  closes('W09', 'a ping in fragments', frame(PING, 'x', { fin: false }), 1002),
  passes(
    'W10',
    'a ping and a pong between fragments',
    Buffer.concat([
      frame(TEXT, '{"type":"chat",', { fin: false }),
      frame(PING, 'between'),
      frame(PONG, 'unasked'),
      frame(CONTINUATION, '"data":1}'),
    ]),
    chat(1),
    'between',
  ),
  passes(
    'W10',
    'a pong that nobody asked for',
    Buffer.concat([frame(PONG, 'x'), frame(TEXT, chat(2))]),
    chat(2),
  ),
  {
    row: 'W11',
    sent: '10,000 pings in one write',
    due: 'cut',
    play: async (stage) => {
      const client = await stage.member();
      client.write(many(10_000));
      await client.ended();
      return client.closeCode() === undefined ? 'cut' : `closed ${client.closeCode() ?? ''}`;
    },
  },
  echoes('a close without a code', frame(CLOSING), 'echoed no code', 'W12'),
  closes('W12', 'a close of one byte', frame(CLOSING, 'x'), 1002),
  closes('W12', 'a close reason of 124 bytes', closeFrame(1000, 'x'.repeat(124)), 1002),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) =>
    closes('W13', `a close of ${code}`, closeFrame(code), 1002),
  ),
  ...[1000, 1001, 1012, 1014, 3000, 4999].map((code) =>
    echoes(`a close of ${code}`, closeFrame(code, 'bye'), `echoed ${code}`),
  ),
  echoes(
    'a text, nonsense and a binary frame after a close',
    closeFrame(1000),
    'echoed 1000',
    'W15',
  ),
  closes('W16', 'binary', frame(BINARY, hi), 1003),
  closes('W16', 'binary, empty', frame(BINARY), 1003),
  closes(
    'W16',
    'binary, in fragments',
    Buffer.concat([frame(BINARY, hi, { fin: false }), frame(CONTINUATION)]),
    1003,
  ),
  {
    row: 'W17',
    sent: 'a frame of one byte a packet',
    due: 'heard',
    play: async (stage) => {
      const received = receivedSince(stage);
      const client = await stage.member();
      for (const byte of frame(TEXT, chat('byte by byte'))) {
        client.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
      await until('it is heard', () => received().includes('byte by byte'));
      return 'heard';
    },
  },
  {
    row: 'W18',
    sent: 'deflate offered, then a compressed frame',
    due: 'not accepted, closed 1002',
    counted: once('closes 1002'),
    play: async (stage) => {
      const client = await stage.raw();
      const offer = 'permessage-deflate; client_max_window_bits';
      client.write(handshakeOf(`${BASE}/ws/general`, { 'Sec-WebSocket-Extensions': offer }));
      const { status, headers } = await client.answer();
      client.write(frame(TEXT, Buffer.from('f248cdc9c90700', 'hex'), { rsv: 4 }));
      const extensions = headers.get('sec-websocket-extensions');
      return `${status === 101 && extensions === undefined ? 'not ' : ''}accepted, ${await endOf(client)}`;
    },
  },
  closes('W18', 'a compressed ping', frame(PING, 'x', { rsv: 4 }), 1002),
  closes(
    'W18',
    'a compressed continuation',
    Buffer.concat([frame(TEXT, hi, { fin: false }), frame(CONTINUATION, hi, { rsv: 4 })]),
    1002,
  ),
  {
    row: 'W20',
    sent: '300 messages in one write, where 200 may come at once',
    due: /^2\d\d answered, 20 rate_limited with the time to wait, closed 1008$/,
    counted: { 'rejected rate_limited': 20, 'closes 1008': 1 },
    play: async (stage) => {
      const client = await stage.member();
      client.write(
        Buffer.concat(
          Array.from({ length: 300 }, (_, i) =>
            frame(TEXT, JSON.stringify({ type: 'ping', data: i })),
          ),
        ),
      );
      const end = await endOf(client);
      const answers = client.texts();
      const limited = answers.filter((text) => /"rate_limited",.*"retry_in_ms":[1-9]/.test(text));
      const pongs = answers.filter((text) => text.includes('"pong"'));
      return `${pongs.length} answered, ${limited.length} rate_limited with the time to wait, ${end}`;
    },
  },
  {
    row: 'W20',
    sent: 'two messages of 60,000 bytes, where 100,000 a second may come',
    due: 'the second rate_limited',
    counted: once('rejected rate_limited'),
    play: async (stage) => {
      const client = await stage.member();
      const text = (id: string): string =>
        JSON.stringify({ type: 'chat', id, data: 'x'.repeat(60_000) });
      client.write(Buffer.concat([frame(TEXT, text('a')), frame(TEXT, text('b'))]));
      const has = (pattern: RegExp): boolean => client.texts().some((text) => pattern.test(text));
      await until('both answers', () => has(/"ack","ref":"a"/) && has(/"ref":"b"/));
      return has(/"rate_limited",.*"ref":"b"/) ? 'the second rate_limited' : 'both taken';
    },
  },
];

/** Of the pod. */
export const ENV = { RATE_LIMIT_BYTES: '100000' };

/** Those that take their time; on a pod with PONG_TIMEOUT_MS and PING_INTERVAL_MS. */
export const SLOW_FRAMES: readonly Row[] = [
  {
    row: 'W17',
    sent: 'one byte of a frame each half second',
    due: /^closed 1008 after 3[0-3] s$/,
    counted: once('closes 1008'),
    play: async (stage) => {
      const client = await stage.member();
      const started = performance.now();
      const bytes = frame(TEXT, chat('x'.repeat(200)));
      let at = 0;
      const drip = setInterval(() => client.write(bytes.subarray(at, ++at)), 500);
      await until('a close', () => client.closeCode() !== undefined || client.isEnded(), 40_000);
      clearInterval(drip);
      const took = performance.now() - started;
      return `${await endOf(client)} after ${Math.floor(took / 1000)} s`;
    },
  },
  {
    row: 'W19',
    sent: 'no pong to our pings',
    due: /^[2-9] pings, cut after (?:1\.[5-9]|2\.[0-4]) s$/,
    play: async (stage) => {
      const client = await stage.member();
      const started = performance.now();
      await client.ended();
      const took = ((performance.now() - started) / 1000).toFixed(1);
      const pings = client.frames().filter(({ opcode }) => opcode === PING).length;
      return `${pings} pings, ${await endOf(client)} after ${took} s`;
    },
  },
  ...(
    [
      ['a pong that was not asked for instead of ours', frame(PONG, 'another')],
      ['messages, and never a pong', frame(TEXT, '{"type":"ping"}')],
    ] as const
  ).map(
    ([sent, bytes]): Row => ({
      row: 'W19',
      sent,
      due: 'any frame is a sign of life',
      play: async (stage) => {
        const client = await stage.member();
        const talk = setInterval(() => client.write(bytes), 200);
        const isCut = await orElse(
          client.ended(4_000).then(() => true),
          false,
        );
        clearInterval(talk);
        return isCut ? 'cut' : 'any frame is a sign of life';
      },
    }),
  ),
  {
    row: 'W16',
    sent: 'no answer to our close',
    due: /^cut after 2\.\d s$/,
    counted: once('closes 1003'),
    play: async (stage) => {
      const client = await stage.member();
      const started = performance.now();
      client.write(frame(BINARY));
      // it lives, it only does not answer
      const talk = setInterval(() => client.write(frame(PONG)), 200);
      await until('a close frame', () => client.closeCode() !== undefined);
      await client.ended();
      clearInterval(talk);
      return `cut after ${((performance.now() - started) / 1000).toFixed(1)} s`;
    },
  },
];
