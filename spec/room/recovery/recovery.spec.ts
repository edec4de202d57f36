/** Recovery of one room: nothing missing, nothing twice, or a gap, whatever happens on the way. */
import { isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import { merge, Subject, tap } from 'rxjs';
import t from 'tap';
import type { ChannelEvent } from '../../../lib/broker/index.js';
import { NO_POSITION, parseId } from '../../../lib/protocol/position.js';
import { hubWorld } from '../../support/hub-world.js';
import type { Peer } from '../../support/peer.js';
import { chatId, numbers, publish, slowLog, story, world } from '../../support/recovery-world.js';

t.test(
  'when a client comes back with a `last_id`, then it gets what it missed in order, `joined`, then live messages',
  async (t) => {
    const w = world();
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    publish(w, speaker, 1, 400);
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 7) });
    w.clock.advance(5);
    publish(w, speaker, 401, 500);
    t.same(story(back, 'r'), [...numbers(8, 400), ...story(back, 'r').slice(393)]);
    w.clock.advance(1_000);
    const events = story(back, 'r');
    t.same(
      events.filter((one) => !one.startsWith('joined')),
      numbers(8, 500),
    );
    const at = events.findIndex((one) => one.startsWith('joined'));
    t.equal(events[at], `joined ${at}`, 'it counts what was replayed');
  },
);

t.test('when the `last_id` is the last message, then the log is not read', async (t) => {
  const reads = { count: 0 };
  const w = world(1_000, reads);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, 1, 3);
  const lastOf = (peer: Peer): string => peer.received().at(-1)?.id ?? '';
  speaker.send({ type: 'ping', data: 1 });
  w.clock.advance(10);
  for (const lastId of [chatId(speaker, 3), `${chatId(speaker, 3)},${lastOf(speaker)}`]) {
    const back = w.connect({ room: 'r', lastId });
    w.clock.advance(10);
    t.same(story(back, 'r'), ['joined 0']);
    t.same(back.events('gap'), []);
  }
  t.equal(reads.count, 0);
});

t.test('when missed messages are trimmed, then a gap comes before what is left', async (t) => {
  const w = world(100);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, 1, 300);
  const back = w.connect({ room: 'r', lastId: chatId(speaker, 10) });
  w.clock.advance(100);
  t.same(story(back, 'r'), ['gap expired', ...numbers(201, 300), 'joined 100']);
});

t.test('when LOG_MESSAGES is 0, then there is a gap, unless nothing was published', async (t) => {
  const w = world(0);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, 1, 3);
  const back = w.connect({ room: 'r', lastId: chatId(speaker, 2) });
  const atTop = w.connect({ room: 'r', lastId: chatId(speaker, 3) });
  w.clock.advance(100);
  t.same(story(back, 'r'), ['gap expired', 'joined 0']);
  t.same(story(atTop, 'r'), ['joined 0']);
});

t.test('when members come and go in a quiet room, then any id resumes without a gap', async (t) => {
  const w = world(0);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, 1, 3);
  for (let i = 0; i < 2; i++) {
    w.clock.advance(1_000);
    speaker.send({ type: 'join', room: 'r' });
    const guest = w.connect({ room: 'r' });
    w.clock.advance(500);
    guest.go();
    w.clock.advance(500);
  }
  w.clock.advance(1_000);
  const ids = speaker.received().flatMap(({ room, id }) => (room === 'r' ? [id] : []));
  const after = ids.slice(ids.indexOf(chatId(speaker, 3)));
  t.ok(after.length >= 5, 'a message, and what is outside the log');
  for (const lastId of after) {
    const back = w.connect({ room: 'r', lastId });
    w.clock.advance(100);
    t.same(story(back, 'r'), ['joined 0']);
  }
});

t.test('when `join` has a `last_id`, then it resumes from there, for a member too', async (t) => {
  const w = world();
  const speaker = w.connect({ room: 'r' });
  const other = w.connect();
  w.clock.advance(10);
  publish(w, speaker, 1, 5);
  const last_id = chatId(speaker, 3);
  other.send({ type: 'join', room: 'r', data: { last_id } });
  w.clock.advance(100);
  t.same(story(other, 'r'), ['4', '5', 'joined 2']);
  other.send({ type: 'join', room: 'r', data: { last_id } });
  other.send({ type: 'join', room: 'r', data: { last_id: chatId(speaker, 4) } });
  w.clock.advance(100);
  publish(w, speaker, 6, 6);
  t.same(story(other, 'r').slice(3), ['4', '5', 'joined 2', '5', 'joined 1', '6']);
  t.equal(w.occupied().get('r'), 2);
});

t.test(
  'when no id of the global log is given, then it resumes by time with a minute of overlap',
  async (t) => {
    const w = world();
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    speaker.chat('', 'old');
    w.clock.advance(61_000);
    speaker.chat('', 'young');
    w.clock.advance(1_000);
    publish(w, speaker, 1, 1);
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 1) });
    w.clock.advance(100);
    t.same(story(back, ''), ['young', 'joined 1']);
    t.same(story(back, 'r'), ['joined 0']);
  },
);

t.test(
  'when a reader stalls, then it is sent no more, is not closed, and delays no other',
  async (t) => {
    const w = world();
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    publish(w, speaker, 1, 900);
    const slow = w.connect({ room: 'r', lastId: chatId(speaker, 1) });
    slow.socket.stall();
    const quick = w.connect({ room: 'r', lastId: chatId(speaker, 1) });
    w.clock.advance(1_000);
    publish(w, speaker, 901, 1_000);
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
  },
);

t.test(
  'when messages are trimmed while a reader is stalled, then a gap comes in their place, and all others come',
  async (t) => {
    const w = world();
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(10);
    publish(w, speaker, 1, 900);
    const slow = w.connect({ room: 'r', lastId: chatId(speaker, 1) });
    slow.socket.stall();
    w.clock.advance(1_000);
    publish(w, speaker, 901, 2_500);
    slow.socket.takeAll();
    w.clock.advance(1_000);
    const events = story(slow, 'r');
    const gap = events.indexOf('gap expired');
    t.ok(gap > 0 && gap < 300, `after ${gap}`);
    t.same(events.slice(0, gap), numbers(2, gap + 1));
    t.same(
      events.slice(gap + 1).filter((one) => !one.startsWith('joined')),
      numbers(1_501, 2_500),
    );
  },
);

t.test('when the log is ahead of the members, then nothing comes twice', async (t) => {
  for (let after = 0; after < 60; after += 3) {
    const w = hubWorld({ broker: slowLog({ count: 0 }, 1_000, 20) });
    const speaker = w.connect({ room: 'r' });
    w.clock.advance(50);
    for (let i = 1; i <= 10; i++) speaker.chat('r', i);
    w.clock.advance(50);
    for (let i = 11; i <= 40; i++) {
      w.clock.advance(2);
      speaker.chat('r', i);
      if (i * 2 === after + 22) w.connect({ room: 'r', lastId: chatId(speaker, 4) });
    }
    const back = w.connect({ room: 'r', lastId: chatId(speaker, 5) });
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

t.test('when a channel has a gap, then joiners that are at its end do not get it', async (t) => {
  for (const [up, expected] of [
    [6, ['gap expired']],
    [5, []],
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
    // the fifth message was received on another pod, and not here yet
    const back = w.connect({ room: 'r', lastId });
    w.clock.advance(10);
    t.same(story(back, 'r'), ['joined 0']);
    const at = parseId(lastId);
    const top = { ...(isSome(at) ? at.value : NO_POSITION), offset: up, id: null };
    gap$.next({ _tag: 'Gap', reason: 'expired', top });
    w.clock.advance(5);
    t.same(story(back, 'r').slice(1), expected, `up to ${up}`);
    t.same(story(speaker, 'r').slice(-1), ['gap expired']);
  }
});

t.test('when many clients come back at once, then they share the reads of the log', async (t) => {
  const reads = { count: 0 };
  const w = world(10_000, reads);
  const speaker = w.connect({ room: 'r' });
  w.clock.advance(10);
  publish(w, speaker, 1, 1_000);
  const ids = speaker.chats('r').map(({ id }) => id);
  const countOf = (clients: number): number => {
    reads.count = 0;
    const herd = Array.from({ length: clients }, (_, i) => {
      const peer = w.connect({ room: 'r', lastId: ids[(i * 37) % 1_000] ?? '' });
      if (i % 10 === 0) w.clock.advance(1);
      if (i % (clients / 10) === 0) speaker.chat('r', 'meanwhile');
      return { peer, from: ((i * 37) % 1_000) + 2 };
    });
    publish(w, speaker, 1_001, 1_010);
    w.clock.advance(3_000);
    for (const { peer, from } of herd) {
      const received = peer.chats('r').map(({ id }) => id);
      const owed = speaker.chats('r').slice(from - 1);
      if (received.join() !== owed.map(({ id }) => id).join())
        t.fail(`from ${from}: ${received.length} of ${owed.length}`);
      peer.go();
    }
    w.clock.advance(20_000);
    return reads.count;
  };
  const few = countOf(50);
  const many = countOf(500);
  t.ok(many <= few * 1.5, `${few} reads for 50, ${many} for 500`);
});

t.test('when a client leaves or closes during recovery, then nothing is left', async (t) => {
  for (const end of ['leave', 'close', 'deadline'] as const) {
    for (let after = 0; after < 12; after++) {
      const w = world();
      const speaker = w.connect({ room: 'r' });
      w.clock.advance(10);
      publish(w, speaker, 1, 500);
      const back = w.connect({ room: 'r', lastId: chatId(speaker, 1) });
      if (after % 2 === 0) back.socket.stall();
      w.clock.advance(after);
      if (end === 'leave') back.leave('r');
      else if (end === 'close') back.go();
      const received = story(back, 'r').length;
      if (end === 'leave') {
        back.socket.takeAll();
        w.clock.advance(50);
        if (after < 3) t.equal(story(back, 'r').length, received, 'nothing after its leave');
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
