/**
 * A client of one id comes back after epochs of its other log have ended: the archive has their messages since
 * the time of the id.
 */
import t from 'tap';
import { archivedBroker } from '../../../lib/broker/archived/archived-broker.js';
import { localBroker } from '../../../lib/broker/local.js';
import { GLOBAL } from '../../../lib/protocol/position.js';
import { type HubWorld, hubWorld } from '../../support/hub-world.js';
import {
  type ArchiveTable,
  archiveTable,
  type MemoryArchive,
  memoryArchive,
} from '../../support/memory-archive.js';
import type { Peer } from '../../support/peer.js';
import { DOWN } from '../../support/played-archive.js';
import { numbers, story } from '../../support/recovery-world.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;

interface World extends HubWorld {
  readonly archive: MemoryArchive;
}

/** A pod without Redis that starts `atMs` after the beginning of time. */
const podOf = (table: ArchiveTable, atMs: number, positionTtlMs = DAY_MS): World => {
  const archive = memoryArchive(table);
  const w = hubWorld({
    seed: 1 + atMs,
    broker: (clock) => {
      clock.advance(atMs);
      const broker = localBroker({ clock, positionTtlMs, logMessages: 50 });
      return archivedBroker({ broker, archive, clock, timeoutMs: 2_000 });
    },
  });
  w.clock.advance(5_000);
  return { ...w, archive };
};

const publish = (w: HubWorld, speaker: Peer, room: string, from: number, to: number): void => {
  for (let i = from; i <= to; i += 1) {
    speaker.chat(room, i);
    if (i % 50 === 0) w.clock.advance(10);
  }
  w.clock.advance(1_000);
};

const lastId = (peer: Peer): string => peer.received().at(-1)?.id ?? 'none';

const speakerIn = (w: HubWorld): Peer => {
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(1_000);
  return speaker;
};

for (const [last, other, name] of [
  ['r', GLOBAL, 'room'],
  [GLOBAL, 'r', 'global log'],
] as const) {
  t.test(
    `when pods have started again, then a client with an id of the ${name} gets all of the other log, once`,
    async (t) => {
      const table = archiveTable();
      const first = podOf(table, 0);
      const speaker = speakerIn(first);
      publish(first, speaker, other, 1, 5);
      first.clock.advance(2 * MINUTE_MS);
      publish(first, speaker, last, 0, 0);
      const id = lastId(speaker);
      publish(first, speaker, other, 6, 305);
      const second = podOf(table, HOUR_MS);
      publish(second, speakerIn(second), other, 306, 310);
      const third = podOf(table, 2 * HOUR_MS);
      const present = speakerIn(third);
      publish(third, present, other, 311, 500);
      const back = third.connect({ room: 'r', lastId: id });
      third.clock.advance(5_000);
      publish(third, present, other, 501, 510);
      t.same(story(back, other), [...numbers(6, 500), 'joined 495', ...numbers(501, 510)]);
      t.same(story(back, last), ['joined 0']);
    },
  );

  t.test(
    `when the other log has no message in the present epoch, then a client with an id of the ${name} gets the rest`,
    async (t) => {
      const table = archiveTable();
      const first = podOf(table, 0);
      const speaker = speakerIn(first);
      publish(first, speaker, last, 0, 0);
      const id = lastId(speaker);
      publish(first, speaker, other, 1, 3);
      const second = podOf(table, HOUR_MS);
      const back = second.connect({ room: 'r', lastId: id });
      second.clock.advance(5_000);
      t.same(story(back, other), [...numbers(1, 3), 'joined 3']);
    },
  );
}

t.test(
  'when nobody used the room for longer than its position lives, then the client gets the rest of its epoch',
  async (t) => {
    const w = podOf(archiveTable(), 0, 30_000);
    const speaker = speakerIn(w);
    const client = speakerIn(w);
    publish(w, client, GLOBAL, 0, 0);
    const id = lastId(client);
    client.go();
    publish(w, speaker, 'r', 1, 3);
    speaker.go();
    w.clock.advance(10 * MINUTE_MS);
    const back = w.connect({ room: 'r', lastId: id });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), [...numbers(1, 3), 'joined 3']);
  },
);

t.test('when messages are within a minute before the id, then they come again', async (t) => {
  const table = archiveTable();
  const first = podOf(table, 0);
  const speaker = speakerIn(first);
  for (let i = 1; i <= 12; i += 1) {
    publish(first, speaker, GLOBAL, i, i);
    first.clock.advance(9_000);
  }
  publish(first, speaker, 'r', 0, 0);
  const id = lastId(speaker);
  const second = podOf(table, HOUR_MS);
  const back = second.connect({ room: 'r', lastId: id });
  second.clock.advance(5_000);
  t.same(story(back, GLOBAL), [...numbers(7, 12), 'joined 6']);
});

t.test('when the epoch lives since before the id, then the archive is not asked', async (t) => {
  const w = podOf(archiveTable(), 0);
  w.clock.advance(2 * MINUTE_MS);
  const client = speakerIn(w);
  publish(w, client, GLOBAL, 1, 1);
  w.clock.advance(2 * MINUTE_MS);
  publish(w, client, 'r', 0, 0);
  const id = lastId(client);
  client.go();
  const asked = w.archive.pages.length;
  const back = w.connect({ room: 'r', lastId: id });
  w.clock.advance(1_000);
  t.same(story(back, GLOBAL), ['joined 0']);
  t.equal(w.archive.pages.length, asked);
});

t.test(
  'when retention has removed messages after the id, then there is a gap before the rest',
  async (t) => {
    for (const [pruneAfterMs, expected] of [
      [0, ['gap expired', '3', 'joined 1']],
      // the day of the id is still there
      [-2 * DAY_MS, ['1', '2', '3', 'joined 3']],
    ] as const) {
      const table = archiveTable();
      const first = podOf(table, 0);
      const speaker = speakerIn(first);
      publish(first, speaker, GLOBAL, 0, 0);
      first.clock.advance(10 * MINUTE_MS);
      publish(first, speaker, 'r', 0, 0);
      const id = lastId(speaker);
      publish(first, speaker, GLOBAL, 1, 2);
      const second = podOf(table, 3 * DAY_MS);
      publish(second, speakerIn(second), GLOBAL, 3, 3);
      const third = podOf(table, 3 * DAY_MS + HOUR_MS);
      third.archive.prune(third.clock.wall() - DAY_MS + pruneAfterMs).subscribe();
      const back = third.connect({ room: 'r', lastId: id });
      third.clock.advance(5_000);
      t.same(story(back, GLOBAL), expected, `${pruneAfterMs}`);
    }
  },
);

t.test('when the archive does not answer in time, then there is a gap', async (t) => {
  const table = archiveTable();
  const first = podOf(table, 0);
  const speaker = speakerIn(first);
  publish(first, speaker, 'r', 0, 0);
  const id = lastId(speaker);
  publish(first, speaker, GLOBAL, 1, 3);
  for (const [downMs, expected] of [
    [1_000, ['1', '2', '3', 'joined 3']],
    [5_000, ['gap broker_outage', 'joined 0']],
  ] as const) {
    const second = podOf(table, HOUR_MS + downMs);
    second.archive.refused = DOWN;
    const back = second.connect({ room: 'r', lastId: id });
    second.clock.advance(downMs);
    second.archive.refused = undefined;
    second.clock.advance(3_000);
    t.same(story(back, GLOBAL), expected, `${downMs} ms`);
  }
});

t.test('when many clients come back to a new pod, then they share the pages', async (t) => {
  const table = archiveTable();
  const first = podOf(table, 0);
  const speaker = speakerIn(first);
  const ids: string[] = [];
  for (let i = 1; i <= 100; i += 1) {
    publish(first, speaker, 'r', 0, 0);
    ids.push(lastId(speaker));
  }
  publish(first, speaker, GLOBAL, 1, 300);
  const second = podOf(table, HOUR_MS);
  const clients = ids.map((id) => second.connect({ room: `s${id.slice(0, 13)}`, lastId: id }));
  second.clock.advance(5_000);
  t.ok(clients.every((client) => story(client, GLOBAL).length >= 301));
  t.ok(second.archive.pages.filter(({ room }) => room === GLOBAL).length < 60);
});
