/**
 * What fuzzing sends to a pod, as data: so it can be written into the corpus and sent again. Bytes are
 * latin1, one character each.
 */
import { connect } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

export type Attack =
  /** A socket that says these pieces, one a turn. */
  | { readonly _tag: 'Socket'; readonly pieces: readonly string[] }
  /** Somebody publishes in Redis. */
  | { readonly _tag: 'Payload'; readonly channel: string; readonly bytes: string };

/** What came back, in a few words for the statistics, and what of it no server may say. */
export interface Answered {
  readonly labels: readonly string[];
  readonly faults: readonly string[];
}

export interface Field {
  readonly port: number;
  readonly publish: (channel: string, payload: Buffer) => Promise<unknown>;
}

const HOST = '127.0.0.1';
/** An answer comes within it, or there is none. */
const QUIET_MS = 25;
const MOST_MS = 250;

export const throwAt = async (field: Field, attack: Attack): Promise<Answered> => {
  if (attack._tag === 'Socket') return talk(field.port, attack.pieces);
  await field.publish(attack.channel, Buffer.from(attack.bytes, 'latin1'));
  return { labels: ['published'], faults: [] };
};

const talk = async (port: number, pieces: readonly string[]): Promise<Answered> => {
  const socket = connect({ port, host: HOST });
  const chunks: Buffer[] = [];
  let at = performance.now();
  /** An object, as its change is seen by nobody who reads here. */
  const socketIs = { over: false };
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    at = performance.now();
  });
  socket.on('error', () => (socketIs.over = true));
  socket.on('close', () => (socketIs.over = true));
  for (const piece of pieces) {
    if (!socketIs.over) socket.write(Buffer.from(piece, 'latin1'));
    await turn();
  }
  at = performance.now();
  const started = at;
  while (
    !socketIs.over &&
    performance.now() - at < QUIET_MS &&
    performance.now() - started < MOST_MS
  )
    await sleep(5);
  socket.destroy();
  return judge(Buffer.concat(chunks));
};

// what a server may say

const CLOSES = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1013]);

/** HTTP answers, then frames if one of them was 101. */
const judge = (bytes: Buffer): Answered => {
  const labels: string[] = [];
  const faults: string[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const head = rest.toString('latin1', 0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (Number.isNaN(status)) {
      faults.push(`no HTTP answer: ${head.slice(0, 80)}`);
      break;
    }
    labels.push(String(status));
    rest = rest.subarray(end + 4);
    if (status === 101) return { labels: [...labels, ...framesIn(rest, faults)], faults };
    if (status >= 500 && status !== 503) faults.push(`${status}`);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const body = rest.toString('utf8', 0, length);
    if (/node_modules|\.js:\d/.test(body)) faults.push(`a stack in ${body}`);
    // the answer to HEAD names a length and has no body
    rest = rest.toString('latin1', 0, 5) === 'HTTP/' ? rest : rest.subarray(length);
  }
  return { labels, faults };
};

const framesIn = (bytes: Buffer, faults: string[]): readonly string[] => {
  const labels: string[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [first = 0, second = 0] = bytes.subarray(at, at + 2);
    const short = second & 0x7f;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (start > bytes.length) break;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    const payload = bytes.subarray(start, start + length);
    if ((second & 0x80) !== 0 || (first & 0x70) !== 0) {
      faults.push(`a frame that no server sends: ${first} ${second}`);
      return labels;
    }
    if (payload.length === length) labels.push(...labelsOf(first, payload, faults));
    at = start + length;
  }
  return labels;
};

const labelsOf = (first: number, payload: Buffer, faults: string[]): readonly string[] => {
  const opcode = first & 0x0f;
  if (opcode === 0x8) {
    const code = payload.length === 0 ? undefined : payload.readUInt16BE(0);
    // what the peer said comes back as it is
    if (
      code !== undefined &&
      code < 3000 &&
      !CLOSES.has(code) &&
      ![1012, 1014, 1010, 1011].includes(code)
    )
      faults.push(`closed with ${code}`);
    return [`close ${code ?? ''}`];
  }
  if (opcode !== 0x1)
    return opcode === 0xa ? ['pong frame'] : opcode === 0x9 ? [] : [`opcode ${opcode}`];
  try {
    const { type, data } = JSON.parse(payload.toString()) as {
      readonly type: string;
      readonly data?: { readonly code?: string; readonly event?: string };
    };
    return type === 'error' ? [`err ${data?.code ?? ''}`] : type === 'system' ? [] : [type];
  } catch {
    faults.push(`no JSON: ${payload.toString().slice(0, 80)}`);
    return [];
  }
};
