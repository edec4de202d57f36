/** A client comes back with an id of an epoch that has ended: the archive has the rest of it. */
import { isNone } from 'fp-ts/lib/Option.js';
import t from 'tap';
import { archivedBroker } from '../../../lib/broker/archived/archived-broker.js';
import { localBroker } from '../../../lib/broker/local.js';
import { formatId, parseId, TIME_OF_OTHER_LOG } from '../../../lib/protocol/position.js';
import { frameWithId } from '../../../lib/protocol/payload.js';
import { bodyOf, Publication } from '../../../lib/protocol/publication.js';
import { type HubWorld, hubWorld } from '../../support/hub-world.js';
import type { Peer } from '../../support/peer.js';
import { DOWN, type PlayedArchive, playedArchive } from '../../support/played-archive.js';
import { chatId, numbers, publish, story } from '../../support/recovery-world.js';

/** Epochs of the room `r` end 10 s after its last message. */
const world = (): HubWorld & { readonly archive: () => PlayedArchive } => {
  let archive: PlayedArchive | undefined;
  const w = hubWorld({
    broker: (clock) => {
      archive = playedArchive(clock);
      const broker = localBroker({ clock, positionTtlMs: 10_000, logTtlMs: 10_000 });
      const archived = archivedBroker({ broker, archive, clock, timeoutMs: 2_000 });
      archive.event$.next({ _tag: 'Restored' });
      return archived;
    },
  });
  return {
    ...w,
    archive: () => {
      if (archive === undefined) throw new Error('there is no archive');
      return archive;
    },
  };
};

/** Messages of one epoch, after which nobody is in the room until it has ended. Returns who has sent them. */
const epoch = (w: HubWorld, from: number, to: number): Peer => {
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, from, to);
  w.clock.advance(100);
  speaker.leave('r');
  w.clock.advance(30_000);
  return speaker;
};

t.test(
  'when the epoch of an id has ended, then the client gets the rest of it, and then the present one',
  async (t) => {
    const w = world();
    const speaker = epoch(w, 1, 400);
    epoch(w, 401, 403);
    const present = w.connect({ room: 'r' });
    w.clock.advance(10);
    publish(w, present, 404, 500);
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
    w.clock.advance(1_000);
    publish(w, present, 501, 510);
    w.clock.advance(1_000);
    t.same(story(back, 'r'), [...numbers(8, 500), 'joined 493', ...numbers(501, 510)]);
  },
);

t.test('when nobody is in the room any more, then the client gets the rest', async (t) => {
  const w = world();
  const speaker = epoch(w, 1, 300);
  const back = w.connect({ room: 'r', lastId: chatId(speaker, 299) });
  w.clock.advance(1_000);
  t.same(story(back, 'r'), ['300', 'joined 1']);
});

t.test('when retention has removed messages after the id, then there is a gap', async (t) => {
  const w = world();
  const speaker = epoch(w, 1, 50);
  const rows = w.archive().rows.get('r') ?? [];
  w.archive().rows.set('r', rows.slice(20));
  const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
  w.clock.advance(1_000);
  t.same(story(back, 'r'), ['gap expired', ...numbers(21, 50), 'joined 30']);
});

t.test(
  'when the archive does not know the id, then the client gets a gap and new messages',
  async (t) => {
    const w = world();
    const speaker = epoch(w, 1, 50);
    const rows = w.archive().rows.get('r') ?? [];
    w.archive().rows.set('r', rows.slice(0, 5));
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), ['gap log_lost', 'joined 0']);
  },
);

t.test(
  'when the archive does not answer, then it is asked again, and then there is a gap',
  async (t) => {
    for (const [downMs, expected] of [
      [1_000, ['50', 'joined 1']],
      [5_000, ['gap broker_outage', 'joined 0']],
    ] as const) {
      const w = world();
      const speaker = epoch(w, 1, 50);
      w.archive().refuse(DOWN);
      const back = w.connect({ room: 'r', lastId: chatId(speaker, 49) });
      w.clock.advance(downMs);
      w.archive().refuse(undefined);
      w.clock.advance(2_000);
      t.same(story(back, 'r'), expected, `${downMs} ms`);
    }
  },
);

t.test('when a client had an empty room, then it gets all of the ended epoch', async (t) => {
  const w = world();
  const listener = w.connect({ room: 'r' });
  w.clock.advance(10);
  const lastId = listener.received().at(-1)?.id ?? '';
  listener.leave('r');
  epoch(w, 1, 3);
  const back = w.connect({ room: 'r', lastId });
  w.clock.advance(1_000);
  t.same(story(back, 'r').slice(-4), [...numbers(1, 3), 'joined 3']);
});

t.test(
  'when a message of an ended epoch is missing in the archive, then there is a gap in its place',
  async (t) => {
    const w = world();
    const speaker = epoch(w, 1, 50);
    epoch(w, 51, 60);
    const rows = w.archive().rows.get('r') ?? [];
    w.archive().rows.set(
      'r',
      rows.filter((_, i) => i !== 9 && i !== 50),
    );
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), [
      ...['8', '9', 'gap expired'],
      ...numbers(11, 50),
      'gap expired',
      ...numbers(52, 60),
      'joined 51',
    ]);
  },
);

t.test(
  'when the time of an id is that of the other log, then the client gets the rest of the epoch once',
  async (t) => {
    const w = world();
    const speaker = epoch(w, 1, 50);
    const id = parseId(chatId(speaker, 6));
    if (isNone(id)) throw new Error('the message has no id');
    // the id of a `joined`
    const joined = {
      ...id.value,
      ms: id.value.ms - 5_000,
      outside: true,
      nonce: TIME_OF_OTHER_LOG,
    };
    const back = w.connect({ room: 'r', lastId: formatId(joined) });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), [...numbers(7, 50), 'joined 44']);
  },
);

t.test(
  'when the clock went back between two epochs, then the client gets both, each message once',
  async (t) => {
    const w = world();
    const speaker = epoch(w, 1, 400);
    epoch(w, 401, 403);
    const rows = w.archive().rows.get('r') ?? [];
    const [first] = rows.slice(200);
    w.archive().rows.set(
      'r',
      rows.map((row, i) => {
        if (i < 400 || first === undefined) return row;
        const id = { ...row.id, ms: first.id.ms };
        return new Publication(
          id,
          undefined,
          row.type,
          frameWithId(id, bodyOf(row.payload)),
          undefined,
        );
      }),
    );
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
    w.clock.advance(1_000);
    t.same(story(back, 'r'), [...numbers(8, 403), 'joined 396']);
  },
);
