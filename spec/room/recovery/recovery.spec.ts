/** Going on in a log: nothing missing, nothing twice, or a gap, whatever happens on the way. */
import { isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import fc from 'fast-check';
import { delay, merge, Subject, tap } from 'rxjs';
import t from 'tap';
import type { Broker, ChannelEvent } from '../../../lib/broker/index.js';
import { localBroker } from '../../../lib/broker/local.js';
import { type ResumePoint, resumePointIn } from '../../../lib/history/resume-point.js';
import { publicationOf, draftOf, type Publication } from '../../../lib/protocol/publication.js';
import {
  TIME_OF_OTHER_LOG,
  formatId,
  type MessageId,
  NO_POSITION,
  parseId,
} from '../../../lib/protocol/position.js';
import { LAG_MS, OVERLAP_MS, resumeAfter, type Resume } from '../../../lib/protocol/resume.js';
import { type HubWorld, hubWorld } from '../../support/hub-world.js';
import type { Heard, Peer } from '../../support/peer.js';
import type { VirtualClock } from '../../support/virtual-clock.js';

interface Reads {
  count: number;
}

/** The embedded broker, whose log takes its time. */
const slowLog =
  (reads: Reads, logMessages = 1_000, channelMs = 0) =>
  (clock: VirtualClock): Broker => {
    const broker = localBroker({ clock, positionTtlMs: 86_400_000, logMessages });
    return {
      ...broker,
      // as with many pods: what the log has may not have been heard yet
      channel: (room) => broker.channel(room).pipe(delay(channelMs, clock.scheduler)),
      log: {
        page: (...asked) =>
          broker.log.page(...asked).pipe(
            tap(() => {
              reads.count += 1;
            }),
            delay(3, clock.scheduler),
          ),
      },
    };
  };

const world = (logMessages?: number, reads: Reads = { count: 0 }): HubWorld =>
  hubWorld({ broker: slowLog(reads, logMessages) });

/** What a client heard of a room and of its recovery, in short. */
const story = (peer: Peer, room: string): readonly string[] =>
  peer.heard().flatMap(({ type, data, room: of }) => {
    if (type === 'chat') return (of ?? '') === room ? [String(data)] : [];
    const { event, reason, recovered, room: about } = data as Record<string, unknown>;
    if (type !== 'system' || (about ?? '') !== room) return [];
    if (event === 'gap') return [`gap ${String(reason)}`];
    return event === 'joined' ? [`joined ${String(recovered)}`] : [];
  });

const numbers = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

const say = ({ clock }: HubWorld, peer: Peer, from: number, to: number): void => {
  for (let i = from; i <= to; i++) {
    peer.chat('r', i);
    if (i % 50 === 0) clock.advance(10);
  }
  clock.advance(10);
};

const idOf = (peer: Peer, data: unknown): string =>
  peer.chats('r').find((one) => one.data === data)?.id ?? 'none';

t.test('what was said meanwhile, in order, then `joined`, then what is said now', async (t) => {
  const w = world();
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 400);
  const back = w.connect({ room: 'r', lastId: idOf(speaker, 7) });
  w.clock.advance(5);
  say(w, speaker, 401, 500);
  t.same(story(back, 'r'), [...numbers(8, 400), ...story(back, 'r').slice(393)]);
  w.clock.advance(1_000);
  const told = story(back, 'r');
  t.same(
    told.filter((one) => !one.startsWith('joined')),
    numbers(8, 500),
  );
  const at = told.findIndex((one) => one.startsWith('joined'));
  t.equal(told[at], `joined ${at}`, 'it counts what was replayed');
});

t.test('who is at the top needs no read', async (t) => {
  const reads = { count: 0 };
  const w = world(1_000, reads);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 3);
  const lastOf = (peer: Peer): string => peer.heard().at(-1)?.id ?? '';
  speaker.say({ type: 'ping', data: 1 });
  w.clock.advance(10);
  for (const lastId of [idOf(speaker, 3), `${idOf(speaker, 3)},${lastOf(speaker)}`]) {
    const back = w.connect({ room: 'r', lastId });
    w.clock.advance(10);
    t.same(story(back, 'r'), ['joined 0']);
    t.same(back.told('gap'), []);
  }
  t.equal(reads.count, 0);
});

t.test('what was trimmed is a gap, and what is left is said', async (t) => {
  const w = world(100);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 300);
  const back = w.connect({ room: 'r', lastId: idOf(speaker, 10) });
  w.clock.advance(100);
  t.same(story(back, 'r'), ['gap expired', ...numbers(201, 300), 'joined 100']);
});

t.test('without a log: a gap, unless nothing was said', async (t) => {
  const w = world(0);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 3);
  const back = w.connect({ room: 'r', lastId: idOf(speaker, 2) });
  const atTop = w.connect({ room: 'r', lastId: idOf(speaker, 3) });
  w.clock.advance(100);
  t.same(story(back, 'r'), ['gap expired', 'joined 0']);
  t.same(story(atTop, 'r'), ['joined 0']);
});

t.test('who comes and goes in a quiet room makes no gap, whenever an id was got', async (t) => {
  const w = world(0);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 3);
  for (let i = 0; i < 2; i++) {
    w.clock.advance(1_000);
    speaker.say({ type: 'join', room: 'r' });
    const guest = w.connect({ room: 'r' });
    w.clock.advance(500);
    guest.go();
    w.clock.advance(500);
  }
  w.clock.advance(1_000);
  const ids = speaker.heard().flatMap(({ room, id }) => (room === 'r' ? [id] : []));
  const after = ids.slice(ids.indexOf(idOf(speaker, 3)));
  t.ok(after.length >= 5, 'a message, and what is outside the log');
  for (const lastId of after) {
    const back = w.connect({ room: 'r', lastId });
    w.clock.advance(100);
    t.same(story(back, 'r'), ['joined 0']);
  }
});

t.test('`join` with a last_id goes on from there, also for who is a member', async (t) => {
  const w = world();
  const speaker = w.connect({ room: 'r' });
  const other = w.connect();
  w.clock.advance(10);
  say(w, speaker, 1, 5);
  const last_id = idOf(speaker, 3);
  other.say({ type: 'join', room: 'r', data: { last_id } });
  w.clock.advance(100);
  t.same(story(other, 'r'), ['4', '5', 'joined 2']);
  other.say({ type: 'join', room: 'r', data: { last_id } });
  other.say({ type: 'join', room: 'r', data: { last_id: idOf(speaker, 4) } });
  w.clock.advance(100);
  say(w, speaker, 6, 6);
  t.same(story(other, 'r').slice(3), ['4', '5', 'joined 2', '5', 'joined 1', '6']);
  t.equal(w.occupied().get('r'), 2);
});

t.test(
  'the global log goes on by time where no id of it is given, with a minute too much',
  async (t) => {
    const w = world();
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    speaker.chat('', 'old');
    w.clock.advance(61_000);
    speaker.chat('', 'young');
    w.clock.advance(1_000);
    say(w, speaker, 1, 1);
    const back = w.connect({ room: 'r', lastId: idOf(speaker, 1) });
    w.clock.advance(100);
    t.same(story(back, ''), ['young', 'joined 1']);
    t.same(story(back, 'r'), ['joined 0']);
  },
);

t.test('a reader is fed at its own pace, and one that stalls holds up nobody', async (t) => {
  const w = world();
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 900);
  const slow = w.connect({ room: 'r', lastId: idOf(speaker, 1) });
  slow.socket.stall();
  const quick = w.connect({ room: 'r', lastId: idOf(speaker, 1) });
  w.clock.advance(1_000);
  say(w, speaker, 901, 1_000);
  t.equal(story(quick, 'r').length, 1_000, 'all and `joined`');
  t.ok(slow.connection.outbox.messages <= 256);
  t.equal(slow.code(), undefined, 'it is not cut: nothing piles up for it');
  for (let i = 0; i < 40; i++) {
    slow.socket.takeSome();
    w.clock.advance(10);
  }
  slow.socket.takeAll();
  w.clock.advance(100);
  t.same(
    story(slow, 'r').filter((one) => !one.startsWith('joined')),
    numbers(2, 1_000),
  );
});

t.test(
  'what is trimmed under a reader on its way is a gap there, and no more is missing',
  async (t) => {
    const w = world();
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    say(w, speaker, 1, 900);
    const slow = w.connect({ room: 'r', lastId: idOf(speaker, 1) });
    slow.socket.stall();
    w.clock.advance(1_000);
    say(w, speaker, 901, 2_500);
    slow.socket.takeAll();
    w.clock.advance(1_000);
    const told = story(slow, 'r');
    const gap = told.indexOf('gap expired');
    t.ok(gap > 0 && gap < 300, `after ${gap}`);
    t.same(told.slice(0, gap), numbers(2, gap + 1));
    t.same(
      told.slice(gap + 1).filter((one) => !one.startsWith('joined')),
      numbers(1_501, 2_500),
    );
  },
);

t.test('the log may be ahead of what members have heard: nothing comes twice', async (t) => {
  for (let after = 0; after < 60; after += 3) {
    const w = hubWorld({ broker: slowLog({ count: 0 }, 1_000, 20) });
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(50);
    for (let i = 1; i <= 10; i++) speaker.chat('r', i);
    w.clock.advance(50);
    for (let i = 11; i <= 40; i++) {
      w.clock.advance(2);
      speaker.chat('r', i);
      if (i * 2 === after + 22) w.connect({ room: 'r', lastId: idOf(speaker, 4) });
    }
    const back = w.connect({ room: 'r', lastId: idOf(speaker, 5) });
    for (let i = 41; i <= 60; i++) {
      w.clock.advance(1);
      speaker.chat('r', i);
    }
    w.clock.advance(1_000);
    t.same(
      story(back, 'r').filter((one) => !one.startsWith('joined')),
      numbers(6, 60),
    );
  }
});

t.test('a gap for what cannot be had is not told to who is further', async (t) => {
  for (const [up, told] of [
    [5, ['gap expired']],
    [4, []],
    [2, []],
  ] as const) {
    const gap$ = new Subject<ChannelEvent>();
    let lastId = '';
    const w = hubWorld({
      broker: (clock) => {
        const slow = slowLog({ count: 0 }, 1_000, 20)(clock);
        return {
          ...slow,
          channel: (room) => merge(slow.channel(room), gap$),
          publish: (draft) =>
            slow.publish(draft).pipe(
              tap((receipt) => {
                if (isRight(receipt)) lastId = receipt.right.id;
              }),
            ),
          publishNow: () => undefined,
        };
      },
    });
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(50);
    for (let i = 1; i <= 5; i++) speaker.chat('r', i);
    // the fifth was heard on another pod, nothing here yet
    const back = w.connect({ room: 'r', lastId });
    w.clock.advance(10);
    t.same(story(back, 'r'), ['joined 0']);
    const at = parseId(lastId);
    const top = { ...(isSome(at) ? at.value : NO_POSITION), offset: up, id: null };
    gap$.next({ _tag: 'Gap', reason: 'expired', top });
    w.clock.advance(5);
    t.same(story(back, 'r').slice(1), told, `up to ${up}`);
    t.same(story(speaker, 'r').slice(-1), ['gap expired']);
  }
});

t.test('a herd shares its reads, from wherever in the log each goes on', async (t) => {
  const reads = { count: 0 };
  const w = world(10_000, reads);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  say(w, speaker, 1, 1_000);
  const ids = speaker.chats('r').map(({ id }) => id);
  const countOf = (clients: number): number => {
    reads.count = 0;
    const herd = Array.from({ length: clients }, (_, i) => {
      const peer = w.connect({ room: 'r', lastId: ids[(i * 37) % 1_000] ?? '' });
      if (i % 10 === 0) w.clock.advance(1);
      if (i % (clients / 10) === 0) speaker.chat('r', 'meanwhile');
      return { peer, from: ((i * 37) % 1_000) + 2 };
    });
    say(w, speaker, 1_001, 1_010);
    w.clock.advance(3_000);
    for (const { peer, from } of herd) {
      const heard = peer.chats('r').map(({ id }) => id);
      const owed = speaker.chats('r').slice(from - 1);
      if (heard.join() !== owed.map(({ id }) => id).join())
        t.fail(`from ${from}: ${heard.length} of ${owed.length}`);
      peer.go();
    }
    w.clock.advance(20_000);
    return reads.count;
  };
  const few = countOf(50);
  const many = countOf(500);
  t.ok(many <= few * 1.5, `${few} reads for 50, ${many} for 500`);
});

t.test('who leaves or closes on the way leaves nothing', async (t) => {
  for (const end of ['leave', 'close', 'deadline'] as const) {
    for (let after = 0; after < 12; after++) {
      const w = world();
      const speaker = w.connect({ room: 'r' });
      w.clock.advance(10);
      say(w, speaker, 1, 500);
      const back = w.connect({ room: 'r', lastId: idOf(speaker, 1) });
      if (after % 2 === 0) back.socket.stall();
      w.clock.advance(after);
      if (end === 'leave') back.leave('r');
      else if (end === 'close') back.go();
      const heard = story(back, 'r').length;
      if (end === 'leave') {
        back.socket.takeAll();
        w.clock.advance(50);
        if (after < 3) t.equal(story(back, 'r').length, heard, 'nothing after its leave');
        back.go();
      }
      speaker.go();
      if (end === 'deadline') w.deadline();
      w.clock.advance(60_000);
      if (end !== 'deadline') t.equal(w.occupied().size, 0);
      w.shutdown();
      w.clock.advance(60_000);
      t.equal(w.hasEnded(), true);
      t.equal(w.clock.pending(), 0, `${end} after ${after} ms`);
    }
  }
});

// where to begin, by what a page says

const entry = (offset: number, ms = offset, nonce = 0): Publication => {
  const draft = draftOf({ room: 'r', type: 'chat', from: 'a', data: 1, at: 1 });
  if (draft._tag === 'Left') throw new Error(draft.left.text);
  return publicationOf(draft.right, { tag: 9, offset, ms, global: false, outside: false, nonce });
};
const idAt = (id: Partial<MessageId>): Resume => {
  const whole = { tag: 9, offset: 1, ms: 1, global: false, outside: false, nonce: 0, ...id };
  return resumeAfter(formatId(whole)) ?? { _tag: 'Since', ms: 0 };
};
const page = (first: number, last: number, top = last) => ({
  top: { tag: 9, offset: top, ms: top, id: top === 0 ? null : entry(top).idText },
  first,
  entries: Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => entry(first + i)),
});
const from = (offset: number, gap?: 'expired'): ResumePoint => ({ _tag: 'From', offset, gap });
const lost = (gap: 'log_lost' | 'unknown_id'): ResumePoint => ({ _tag: 'Lost', gap });

for (const [what, resume, of, expected] of [
  ['after an entry', idAt({ offset: 3, ms: 3 }), page(1, 5), from(4)],
  ['another epoch', idAt({ tag: 8, offset: 3, ms: 3 }), page(1, 5), lost('log_lost')],
  ['of the other log', idAt({ offset: 3, ms: 3, global: true }), page(1, 5), lost('unknown_id')],
  ['beyond the top', idAt({ offset: 6, ms: 6 }), page(1, 5), lost('unknown_id')],
  ['another message there', idAt({ offset: 3, ms: 3, nonce: 1 }), page(1, 5), lost('unknown_id')],
  [
    'outside, of that place',
    idAt({ offset: 3, ms: 3, outside: true, nonce: 7 }),
    page(1, 5),
    from(4),
  ],
  [
    'outside, older than the entry',
    idAt({ offset: 3, ms: 2, outside: true }),
    page(1, 5),
    lost('unknown_id'),
  ],
  [
    'outside, with the time of the other log, which was behind',
    idAt({ offset: 3, ms: 2, outside: true, nonce: TIME_OF_OTHER_LOG }),
    page(1, 5),
    from(4),
  ],
  ['its entry is trimmed', idAt({ offset: 2, ms: 2 }), page(3, 5), from(3, 'expired')],
  ['before the first message', idAt({ offset: 0, ms: 0, outside: true }), page(1, 5), from(1)],
  [
    'before the first message, which is trimmed',
    idAt({ offset: 0, ms: 0 }),
    page(2, 5),
    from(2, 'expired'),
  ],
  ['in an empty log', idAt({ offset: 0, ms: 0 }), page(1, 0), from(1)],
  ['a quiet room whose messages are gone', idAt({ offset: 5, ms: 5 }), page(6, 5), from(6)],
  [
    'the same, another message',
    idAt({ offset: 5, ms: 5, nonce: 3 }),
    page(6, 5),
    lost('unknown_id'),
  ],
  [
    'the same, from outside the log, and somebody came or went since',
    idAt({ offset: 5, ms: 6, outside: true, nonce: 3 }),
    { ...page(6, 5), top: { ...page(6, 5).top, ms: 9 } },
    from(6),
  ],
  [
    'by time, all of older is gone, and somebody came or went since',
    { _tag: 'Since', ms: 6 + LAG_MS },
    { ...page(6, 5), top: { ...page(6, 5).top, ms: 9 } },
    from(6),
  ],
  ['by time, in the page', { _tag: 'Since', ms: 3 + OVERLAP_MS }, page(1, 5), from(3)],
  ['by time, nothing that young', { _tag: 'Since', ms: 6 + OVERLAP_MS }, page(1, 5), from(6)],
  [
    'by time, of the overlap some is trimmed',
    { _tag: 'Since', ms: 3 + LAG_MS },
    page(3, 5),
    from(3),
  ],
  ['by time, more is trimmed', { _tag: 'Since', ms: 2 + LAG_MS }, page(3, 5), from(3, 'expired')],
  [
    'by time, and what is trimmed was said before it',
    { _tag: 'Since', ms: 2 + LAG_MS },
    { ...page(3, 5), beforeMs: 1 },
    from(3),
  ],
  [
    'by time, and what is trimmed was said after it',
    { _tag: 'Since', ms: 2 + LAG_MS },
    { ...page(3, 5), beforeMs: 2 },
    from(3, 'expired'),
  ],
  ['by time, all of a whole log', { _tag: 'Since', ms: 0 }, page(1, 5), from(1)],
  ['by time, all of a trimmed log', { _tag: 'Since', ms: 2 }, page(3, 5), from(3, 'expired')],
  ['by time, and all is gone', { _tag: 'Since', ms: 2 }, page(6, 5), from(6, 'expired')],
  ['by time, and all of older is gone', { _tag: 'Since', ms: 6 + LAG_MS }, page(6, 5), from(6)],
] as const) {
  t.test(`where to begin: ${what}`, async (t) =>
    t.same(resumePointIn(resume, of, false), expected),
  );
}

// any interleaving

type Step =
  | { readonly _tag: 'say'; readonly times: number }
  | { readonly _tag: 'go' | 'back' | 'stall' | 'take' | 'again'; readonly who: number }
  | { readonly _tag: 'wait'; readonly ms: number };

const WHO = 3;
const who = fc.nat(WHO - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant('say' as const),
      times: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 300 })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constantFrom(
        'go' as const,
        'back' as const,
        'stall' as const,
        'take' as const,
        'again' as const,
      ),
      who,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      _tag: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(4), fc.nat(100), fc.nat(10_000)),
    }),
  },
);

interface Reader {
  peer: Peer | undefined;
  /** All that it heard of the room on all its connections. */
  readonly heard: Heard[];
  seen: number;
  /** Where it asked to go on. */
  asked: string | undefined;
}

/** Offsets without holes from connection to connection, unless a gap was said; no id twice. */
const faultsOf = (heard: readonly Heard[]): readonly string[] => {
  const faults: string[] = [];
  const ids = new Set<string>();
  let last: number | undefined;
  for (const { id, type, data } of heard) {
    const event = (data as { readonly event?: string } | undefined)?.event;
    if (type === 'system' && event === 'gap') last = undefined;
    if (type !== 'chat') continue;
    const at = parseId(id);
    if (!isSome(at)) continue;
    if (ids.has(id)) faults.push(`${at.value.offset} twice`);
    ids.add(id);
    if (last !== undefined && at.value.offset !== last + 1)
      faults.push(`after ${last} came ${at.value.offset}`);
    last = at.value.offset;
  }
  return faults;
};

t.test(
  'for any interleaving: nothing missing, nothing twice, or a gap where the log is short',
  async (t) => {
    for (const [logMessages, channelMs] of [
      [1_000_000, 0],
      [1_000_000, 20],
      [150, 0],
    ] as const) {
      fc.assert(
        fc.property(fc.array(step, { minLength: 3, maxLength: 50 }), fc.nat(), (steps, seed) => {
          const w = hubWorld({ broker: slowLog({ count: 0 }, logMessages, channelMs), seed });
          const speaker = w.connect({ room: 'r' });
          const readers: Reader[] = [];
          let said = 0;
          const listen = (reader: Reader): void => {
            const all =
              reader.peer
                ?.heard()
                .filter(
                  ({ room, type, data }) =>
                    (room === 'r' && type === 'chat') ||
                    (data as { readonly room?: string }).room === 'r',
                ) ?? [];
            reader.heard.push(...all.slice(reader.seen));
            reader.seen = all.length;
          };
          const open = (reader: Reader, lastId: string | undefined): void => {
            reader.peer = w.connect({ room: 'r', ...(lastId === undefined ? {} : { lastId }) });
            reader.seen = 0;
          };
          const close = (reader: Reader): void => {
            reader.peer?.socket.takeAll();
            listen(reader);
            reader.peer?.go();
            reader.peer = undefined;
          };
          w.clock.advance(10);
          for (let i = 0; i < WHO; i++) {
            readers.push({ peer: undefined, heard: [], seen: 0, asked: undefined });
            open(readers[i] as Reader, undefined);
          }
          w.clock.advance(10);
          for (const one of steps) {
            const reader = 'who' in one ? readers[one.who] : undefined;
            switch (one._tag) {
              case 'say':
                for (let i = 0; i < one.times; i++) speaker.chat('r', said++);
                break;
              case 'wait':
                w.clock.advance(one.ms);
                break;
              case 'go':
                if (reader !== undefined) close(reader);
                break;
              case 'back':
                if (reader === undefined) break;
                close(reader);
                open(reader, reader.heard.at(-1)?.id);
                break;
              case 'stall':
                reader?.peer?.socket.stall();
                break;
              case 'take':
                reader?.peer?.socket.takeSome();
                break;
              case 'again':
                reader?.peer?.socket.takeAll();
            }
          }
          for (const reader of readers) {
            close(reader);
            open(reader, reader.heard.at(-1)?.id);
          }
          w.clock.advance(5_000);
          speaker.chat('r', 'last');
          w.clock.advance(5_000);
          for (const reader of readers) {
            listen(reader);
            const faults = [...faultsOf(reader.heard)];
            if (!reader.heard.some(({ data }) => data === 'last')) faults.push('is not live');
            const gaps = reader.heard.filter(
              ({ type, data }) =>
                type === 'system' && (data as { readonly event?: string }).event === 'gap',
            );
            if (logMessages > 1_000 && gaps.length > 0)
              faults.push(`undue: ${JSON.stringify(gaps[0]?.data)}`);
            if (faults.length > 0) throw new Error(faults.join('; '));
          }
        }),
        {
          numRuns: Number(process.env['RECOVERY_RUNS'] ?? 200),
          seed: Number(process.env['RECOVERY_SEED'] ?? 1),
        },
      );
    }
    t.pass('for any interleaving');
  },
);
