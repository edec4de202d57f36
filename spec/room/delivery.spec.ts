/** Which part of a batch a member is sent: all, some or none. */
import t from 'tap';
import type { Connection, Membership } from '../../lib/connection/connection.js';
import { frameOf } from '../../lib/protocol/frame.js';
import { batchFor, type Delivery, roomBatch } from '../../lib/room/delivery.js';
import { topAt } from '../support/channel-world.js';

const START = topAt(1, 0);

/** A logged message: at an offset of an epoch. */
const logged = (offset: number, also: Partial<Delivery> = {}, tag = 1): Delivery => ({
  frame: frameOf(`${tag}:${offset}`),
  top: topAt(tag, offset),
  offset,
  except: undefined,
  at: undefined,
  ...also,
});

const outside = (offset: number, also: Partial<Delivery> = {}): Delivery => ({
  ...logged(offset, also),
  frame: frameOf(`outside ${offset}`),
  offset: undefined,
});

const member = (offset: number, { id = 'a', tag = 1, joinSeq = 1 } = {}): Membership => ({
  connection: { id } as Connection,
  room: 'r',
  position: topAt(tag, offset),
  joinSeq,
  isJoining: false,
  mayPublish: true,
  unansweredJoins: 0,
});

const bytesOf = (items: readonly Delivery[]): Buffer =>
  Buffer.concat(items.map(({ frame }) => frame));

t.test('when all members get the whole batch, then they share one buffer', async (t) => {
  const items = [logged(6), outside(6), logged(7)];
  const batch = roomBatch(items, topAt(1, 5));
  t.match(batch, { count: 3, bytes: bytesOf(items), top: topAt(1, 7), excluded: undefined });
  t.equal(batchFor(member(5), batch), batch);
  const [only] = items;
  t.equal(roomBatch(items.slice(0, 1), START).bytes, only?.frame, 'one message is not copied');
});

t.test(
  'when a member has read a part of the batch in the log, then it is sent the rest',
  async (t) => {
    const items = [logged(6), logged(7), outside(7), logged(8)];
    const batch = roomBatch(items, topAt(1, 5));
    t.same(batchFor(member(7), batch), { count: 2, bytes: bytesOf(items.slice(2)) });
    t.equal(batchFor(member(8), roomBatch([logged(7), logged(8)], START)), undefined);
  },
);

t.test(
  'when a message excludes a connection, then the connection is sent the batch without that message',
  async (t) => {
    const items = [outside(5, { except: ['a'] }), outside(5, { except: ['b'] })];
    const batch = roomBatch(items, topAt(1, 5));
    t.same(batchFor(member(5), batch), { count: 1, bytes: items[1]?.frame });
    t.equal(batchFor(member(5, { id: 'c' }), batch), batch);
    t.equal(batchFor(member(5), roomBatch(items.slice(0, 1), START)), undefined);
  },
);

t.test(
  'when a message is for later joiners only, then earlier members do not get it',
  async (t) => {
    const batch = roomBatch([outside(5, { onlyJoinedAfter: 3 })], topAt(1, 5));
    t.ok(batch.partial);
    t.equal(batchFor(member(5, { joinSeq: 3 }), batch), undefined);
    t.match(batchFor(member(5, { joinSeq: 4 }), batch), { count: 1 });
  },
);

t.test(
  'when a gap goes up to a position, then a member that is there does not get it',
  async (t) => {
    const batch = roomBatch([outside(7, { isGapMarker: true })], topAt(1, 5));
    t.equal(batchFor(member(7), batch), undefined);
    t.match(batchFor(member(6), batch), { count: 1 });
    t.match(batchFor(member(8, { tag: 2 }), batch), { count: 1 }, 'offsets of another epoch');
  },
);

t.test('when a batch begins a new epoch, then offsets of the old one do not count', async (t) => {
  const items = [logged(9), logged(1, {}, 2), logged(2, {}, 2)];
  const batch = roomBatch(items, topAt(1, 8));
  t.ok(batch.partial);
  t.match(batchFor(member(9), batch), { count: 2, bytes: bytesOf(items.slice(1)) });
  t.match(batchFor(member(1, { tag: 2 }), batch), { count: 2 }, 'it has 2:1, and not 1:9');
});

t.test('when a batch is empty, then the position stays', async (t) => {
  t.same(roomBatch([], topAt(1, 5)).top, topAt(1, 5));
});
