/** Where a Cluster keeps what: the slot of a channel, and who has a slot. */
import { listOf } from './errors.js';

const SLOTS = 0x4000;

/** CRC-16/XMODEM, as the Cluster's specification says. */
const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a key or channel: of what its first braces hold, when they hold anything. */
export const slotOf = (name: string): number => {
  const open = name.indexOf('{');
  const close = open === -1 ? -1 : name.indexOf('}', open + 1);
  let crc = 0;
  for (const byte of Buffer.from(close > open + 1 ? name.slice(open + 1, close) : name)) {
    crc = ((crc << 8) & 0xffff) ^ (CRC[(crc >> 8) ^ byte] ?? 0);
  }
  return crc % SLOTS;
};

/** Whether a node has a slot, from its own answer to CLUSTER SLOTS. A range without an address is of the node asked. */
export const slotsAt = (reply: unknown, node: string): ((slot: number) => boolean) => {
  const own = listOf(reply).filter((range): range is readonly [number, number] => {
    const [from, to, master] = listOf(range);
    if (typeof from !== 'number' || typeof to !== 'number') return false;
    const [host, port] = listOf(master);
    return host === '' || host === null || `${text(host)}:${text(port)}` === node;
  });
  return (slot) => own.some(([from, to]) => slot >= from && slot <= to);
};

/** The `host:port` that a MOVED answer names; undefined for any other. Without a host it is that of the node asked. */
export const movedTo = (thrown: unknown, asked: string): string | undefined => {
  const [, host, port] =
    (thrown instanceof Error && /^MOVED \d+ (.*):(\d+)$/.exec(thrown.message)) || [];
  if (port === undefined) return undefined;
  return `${host === undefined || host === '' ? asked.slice(0, asked.lastIndexOf(':')) : host}:${port}`;
};

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
