/** Recovery over a log with an archive: a client gets what the log has trimmed long ago. */
import { concatMap, map, of } from 'rxjs';
import t from 'tap';
import type { Broker } from '../../../lib/broker/index.js';
import { localBroker } from '../../../lib/broker/local.js';
import { archivedLog } from '../../../lib/history/archive/archived-log.js';
import { GLOBAL } from '../../../lib/protocol/position.js';
import { hubWorld } from '../../support/hub-world.js';
import { archiveTable, type MemoryArchive, memoryArchive } from '../../support/memory-archive.js';
import { chatId, numbers, publish, story } from '../../support/recovery-world.js';
import type { VirtualClock } from '../../support/virtual-clock.js';

/** A local broker whose logs have 1,000 messages, and an archive that has all. */
const archivedBroker =
  (archive: MemoryArchive, logMessages = 1_000) =>
  (clock: VirtualClock): Broker => {
    const broker = localBroker({ clock, positionTtlMs: 86_400_000, logMessages });
    return {
      ...broker,
      log: archivedLog({ log: broker.log, archive, clock }),
      channel: (room) =>
        broker
          .channel(room)
          .pipe(
            concatMap((event) =>
              event._tag === 'Published' && event.offset !== undefined
                ? archive.store(room, [event.publication]).pipe(map(() => event))
                : of(event),
            ),
          ),
    };
  };

t.test(
  'when a client is 50,000 messages behind a log of 1,000, then it gets all of them in order, once',
  { timeout: 120_000 },
  async (t) => {
    const archive = memoryArchive(archiveTable());
    const w = hubWorld({ broker: archivedBroker(archive) });
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    publish(w, speaker, 1, 50_007);
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
    w.clock.advance(60_000);
    publish(w, speaker, 50_008, 50_010);
    const got = story(back, 'r');
    const wanted = [...numbers(8, 50_007), 'joined 50000', ...numbers(50_008, 50_010)];
    t.equal(got.length, wanted.length);
    t.equal(
      got.findIndex((one, i) => one !== wanted[i]),
      -1,
    );
    t.ok(archive.pages.length < 400, `${archive.pages.length} queries`);
  },
);

t.test(
  'when a client has one id alone, then it resumes in the other log by time, beyond the log',
  async (t) => {
    // the log begins at the first offset of a page (129), within it, and where it has nothing
    for (const logMessages of [372, 371, 1, 0]) {
      const w = hubWorld({ broker: archivedBroker(memoryArchive(archiveTable()), logMessages) });
      const speaker = w.connect({ room: 'r' });
      w.clock.advance(10);
      speaker.chat('r', 'last');
      w.clock.advance(100_000);
      for (let i = 1; i <= 500; i += 1) {
        speaker.chat(GLOBAL, i);
        w.clock.advance(100);
      }
      const back = w.connect({ room: 'r', lastId: chatId(speaker, 'last') });
      w.clock.advance(10_000);
      t.strictSame(story(back, GLOBAL), [...numbers(1, 500), 'joined 500'], `${logMessages}`);
      t.strictSame(story(back, 'r'), ['joined 0']);
    }
  },
);

t.test('when the archive does not answer, then there is a gap for the outage', async (t) => {
  const archive = memoryArchive(archiveTable());
  const w = hubWorld({ broker: archivedBroker(archive, 10) });
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, 1, 300);
  archive.refused = { _tag: 'Unavailable', detail: 'down' };
  const soon = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
  w.clock.advance(1_000);
  t.strictSame(story(soon, 'r'), [], 'it waits');
  archive.refused = undefined;
  w.clock.advance(2_000);
  t.strictSame(story(soon, 'r'), [...numbers(8, 300), 'joined 293']);
  w.clock.advance(10_000); // the pages that it read are forgotten
  archive.refused = { _tag: 'Unavailable', detail: 'down' };
  const late = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
  w.clock.advance(10_000);
  t.strictSame(story(late, 'r'), ['gap broker_outage', 'joined 0']);
});
