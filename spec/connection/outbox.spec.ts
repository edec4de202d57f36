/** What waits for all connections of a pod together: counted, and bounded (`OUTBOX_TOTAL_BYTES`). */
import fc from 'fast-check';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { OutboxBudget } from '../../lib/connection/outbox-budget.js';
import { localBroker } from '../../lib/broker/local.js';
import { Outbox } from '../../lib/connection/outbox.js';
import { hubWorld } from '../support/hub-world.js';

/** A socket whose kernel takes everything, or nothing until it is let. */
class PlayedSocket extends EventEmitter {
  writable = true;
  writableLength = 0;
  stalled = false;
  private taken: (() => void)[] = [];

  write(bytes: Buffer, taken: () => void): boolean {
    if (!this.stalled) return true;
    this.writableLength += bytes.length;
    this.taken.push(taken);
    return false;
  }

  take(): void {
    this.writableLength = 0;
    for (const taken of this.taken.splice(0)) taken();
  }
}

interface Reader {
  readonly socket: PlayedSocket;
  readonly outbox: Outbox;
  cut: boolean;
}

const readers = (count: number, backlog: OutboxBudget, each = 1_000_000): readonly Reader[] =>
  Array.from({ length: count }, () => {
    const socket = new PlayedSocket();
    const deps = { bound: { messages: 256, bytes: each }, now: () => 0, backlog };
    const outbox: Outbox = new Outbox(deps, socket as unknown as Socket, () => {
      reader.cut = true;
      outbox.end();
    });
    const reader: Reader = { socket, outbox, cut: false };
    return reader;
  });

const frame = (length: number) => ({ count: 1, bytes: Buffer.alloc(length) });

t.test(
  'when all outboxes exceed their bound, then the fullest are closed, and no other',
  async (t) => {
    const backlog = new OutboxBudget(10_000);
    const all = readers(10, backlog);
    all.forEach(({ socket, outbox }, i) => {
      socket.stalled = i !== 0;
      for (let n = 0; n < i; n++) outbox.send(frame(200));
    });
    t.equal(backlog.bytes, 9_000);
    t.equal(backlog.peak, 9);
    all[1]?.outbox.send(frame(1_001));
    t.same(
      all.map(({ cut }) => cut),
      [...Array.from({ length: 9 }, () => false), true],
      'one of 1,800 bytes was the fullest, and enough',
    );
    t.equal(backlog.bytes, 9_000 + 1_001 - 1_800);
    for (const { socket } of all) socket.take();
    for (const { socket } of all) socket.take();
    for (let n = 0; n < 9; n++) for (const { socket } of all) socket.take();
    t.equal(backlog.bytes, 0);
  },
);

t.test(
  'when anything is written and taken, then the sum is what waits and never exceeds the bound',
  async () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            who: fc.nat(7),
            what: fc.constantFrom('send', 'send', 'send', 'stall', 'take', 'end'),
            bytes: fc.integer({ min: 1, max: 900 }),
          }),
          { maxLength: 200 },
        ),
        (steps) => {
          const backlog = new OutboxBudget(3_000);
          const all = readers(8, backlog, 1_500);
          for (const { who, what, bytes } of steps) {
            const reader = all[who];
            if (reader === undefined) continue;
            if (what === 'send') reader.outbox.send(frame(bytes));
            else if (what === 'stall') reader.socket.stalled = true;
            else if (what === 'take') reader.socket.take();
            else reader.outbox.end();
            const sum = all.reduce((total, { outbox }) => total + outbox.bytes, 0);
            if (sum !== backlog.bytes) return false;
            if (sum > 3_000) return false;
          }
          for (const { outbox } of all) outbox.end();
          return backlog.bytes === 0;
        },
      ),
    );
  },
);

t.test(
  'when readers stop together, then they are closed with 1013 before their outboxes exceed the bound',
  async (t) => {
    const w = hubWorld({
      broker: (clock) => localBroker({ clock, positionTtlMs: 86_400_000 }),
      config: { limits: { outboxTotalBytes: 65_536 } },
    });
    const speaker = w.connect({ room: 'r' });
    const well = w.connect({ room: 'r' });
    const slow = Array.from({ length: 20 }, () => w.connect({ room: 'r' }));
    w.clock.advance(10);
    for (const { socket } of slow) socket.stall();
    for (let i = 0; i < 20; i++) {
      speaker.chat('r', 'x'.repeat(1_000));
      w.clock.advance(10);
    }
    t.equal(well.chats('r').length, 20);
    const closed = slow.filter((peer) => peer.code() === 1013).length;
    t.ok(closed > 0 && closed < 20, `${closed} of 20 were cut: as many as had to be`);
  },
);
