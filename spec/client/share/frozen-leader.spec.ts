/** A leader that was frozen wakes: what it still sends, and what the applications of the tabs see. */
import t from 'tap';
import { browserWorld } from '../../support/share-world.js';

t.test(
  'when a leader wakes with messages in its queue, then it sends none of those that another tab has sent',
  async (t) => {
    const w = browserWorld(t, { rate: 5 });
    const leader = await w.tab();
    const own = leader.watch('r');
    await w.advance(500);
    const others = [await w.tab(), await w.tab(), await w.tab()];
    others.forEach((tab) => tab.watch('r'));
    await w.advance(500);
    const sentBy = new Map<unknown, number[]>();
    w.server.frame$.subscribe(({ socket, frame }) => {
      if (frame.type === 'chat')
        sentBy.set(frame.data, [
          ...(sentBy.get(frame.data) ?? []),
          w.server.sockets.indexOf(socket),
        ]);
    });
    // each tab keeps the rate of one connection: so what the leader gets from three waits there
    const numbers = Array.from({ length: 45 }, (_, i) => i);
    numbers.forEach((i) => void others[i % 3]?.publish('r', i));
    await w.advance(5_000);
    const before = new Set(sentBy.keys());
    t.ok(before.size > 0 && before.size < 45, `${before.size} of 45 were sent before`);
    leader.freeze();
    // longer than a pod knows the ids of messages
    await w.advance(400_000);
    t.equal(sentBy.size, 45);
    leader.wake();
    await w.advance(60_000);
    const twice = [...sentBy].filter(([data, by]) => by.length > 1 && !before.has(data));
    t.same(twice, [], 'only what had no ack when the leader froze is sent twice');
    t.same(new Set(own), new Set(numbers));
    t.equal(own.length, numbers.length);
    t.equal(leader.statuses.at(-1)?._tag, 'Live');
    t.equal(w.server.open().length, 1);
  },
);
