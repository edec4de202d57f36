/** Publishes, from the call to the one answer. */
import t from 'tap';
import { ChatError } from '../../lib/client/index.js';
import { tags, world } from '../support/client-world.js';

t.test(
  'when a publish is acked, then it resolves with the id; own messages come too',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    const answer = w.chat.room('r').publish('hi');
    w.clock.advance(100);
    t.match(await answer, { duplicate: false });
    t.same(seen, ['hi']);
  },
);

t.test(
  'when the connection breaks before the ack, then the message is sent again, and stored once',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.setAcks(false);
    const answers = [1, 2, 3].map((data) => w.chat.room('r').publish(data));
    w.clock.advance(100);
    w.server.cut();
    w.server.setAcks(true);
    w.clock.advance(2_000);
    t.match(await Promise.all(answers), [
      { duplicate: true },
      { duplicate: true },
      { duplicate: true },
    ]);
    t.same(seen, [1, 2, 3]);
  },
);

t.test(
  'when 256 messages wait, then the next one is rejected with queue_full, and the others are sent in order',
  async (t) => {
    const w = world(t);
    const { seen } = w.watch('r');
    w.server.setUp(false);
    const room = w.chat.room('r');
    const answers = Array.from({ length: 256 }, (_, i) => room.publish(i));
    await t.rejects(room.publish('too many'), { name: 'ChatError', code: 'queue_full' });
    w.server.setUp(true);
    w.clock.advance(60_000);
    t.equal((await Promise.all(answers)).length, 256);
    t.same(
      seen,
      Array.from({ length: 256 }, (_, i) => i),
    );
  },
);

t.test(
  'when the server refuses a room, then publishes reject with its code, and the room says so',
  async (t) => {
    const w = world(t);
    w.server.refuse('r', 'forbidden');
    const notices: unknown[] = [];
    w.chat.room('r').event$.subscribe((notice) => notices.push(notice));
    const answer = t.rejects(
      w.chat.room('r').publish(1),
      new ChatError('forbidden', 'refused: forbidden'),
    );
    w.clock.advance(100);
    await answer;
    t.match(notices, [{ _tag: 'Refused', code: 'forbidden' }]);
  },
);

t.test(
  'when no ack comes in time, then the publish rejects with timeout; when the client is closed, with closed',
  async (t) => {
    const w = world(t);
    w.server.setUp(false);
    const late = t.rejects(w.chat.room('r').publish(1), { code: 'timeout' });
    w.clock.advance(60_000);
    await late;
    const open = t.rejects(w.chat.room('r').publish(2), { code: 'closed' });
    w.chat.close();
    await open;
    await t.rejects(w.chat.room('r').publish(3), { code: 'closed' });
    w.server.setUp(true);
    w.clock.advance(60_000);
    t.equal(tags(w).at(-1), 'Closed', 'what the application closed stays closed');
  },
);

t.test(
  'when a server gives no answers, then it is sent no more than it takes in a second, and the rest later',
  async (t) => {
    // a pod that stood still reads everything at once
    const w = world(t, {}, { rate: 10 });
    const { seen } = w.watch('r');
    w.clock.advance(100);
    w.server.setAcks(false);
    const answers = Array.from({ length: 30 }, (_, i) => w.chat.room('r').publish(i));
    w.clock.advance(20_000);
    const chats = (): number =>
      w.server.sockets.flatMap(({ frames }) => frames).filter(({ type }) => type === 'chat').length;
    t.equal(chats(), 10);
    w.server.setAcks(true);
    w.server.cut();
    w.clock.advance(10_000);
    t.equal((await Promise.all(answers)).length, 30);
    t.same(
      seen,
      Array.from({ length: 30 }, (_, i) => i),
    );
  },
);
