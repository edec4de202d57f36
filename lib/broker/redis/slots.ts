/** Hash slots of a Redis Cluster: the slot of a channel, and the node that owns a slot. */
import calculateSlot from 'cluster-key-slot';
import { listOf } from './errors.js';

/**
 * The slot of a key or channel. The package differs from Redis for a name with `{}` before another brace. No
 * name here is like that: braces are only around a whole channel, and channels contain no braces.
 */
export const slotOf = (name: string): number => calculateSlot(name);

/**
 * Whether a node owns a slot, by its own answer to CLUSTER SLOTS. A range without a host belongs to the node
 * asked.
 */
export const slotsAt = (reply: unknown, node: string): ((slot: number) => boolean) => {
  const own = listOf(reply).filter((range): range is readonly [number, number] => {
    const [from, to, master] = listOf(range);
    if (typeof from !== 'number' || typeof to !== 'number') return false;
    const [host, port] = listOf(master);
    return host === '' || host === null || `${text(host)}:${text(port)}` === node;
  });
  return (slot) => own.some(([from, to]) => slot >= from && slot <= to);
};

/**
 * The `host:port` in a MOVED error; undefined for any other error. A MOVED without a host keeps the host of
 * the node asked.
 */
export const movedTo = (thrown: unknown, asked: string): string | undefined => {
  const [, host, port] =
    (thrown instanceof Error && /^MOVED \d+ (.*):(\d+)$/.exec(thrown.message)) || [];
  if (port === undefined) return undefined;
  return `${host === undefined || host === '' ? asked.slice(0, asked.lastIndexOf(':')) : host}:${port}`;
};

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
