/** Ids of what is sent to one connection alone. */
import { isNone, isSome } from 'fp-ts/lib/Option.js';
import t from 'tap';
import { localBroker } from '../../lib/broker/local.js';
import { NO_EPOCH, parseId } from '../../lib/protocol/position.js';
import { hubWorld } from '../support/hub-world.js';
import { member, world } from '../support/connection-world.js';

t.test(
  'when anything is sent to a client, then its id shows the position that was reached, and none comes twice',
  async (t) => {
    const w = world();
    const [a, b] = [member(w), w.connect({ room: 'r' })];
    w.clock.advance(1_000);
    for (let i = 0; i < 5; i++) a.chat('r', i);
    b.join('s');
    w.clock.advance(10);
    b.join('r', 'again');
    w.clock.advance(10);
    const last = b.events('joined').at(-1);
    const message = b
      .received()
      .find(({ data }) => data !== undefined && JSON.stringify(data) === JSON.stringify(last));
    t.match(parseId(message?.id ?? ''), {
      value: { offset: 5, outside: true, global: false },
    });
    const ids = b.received().map(({ id }) => parseId(id));
    t.ok(
      ids.every(({ _tag }) => _tag === 'Some'),
      'each is a UUIDv7',
    );
    t.equal(new Set(b.received().map(({ id }) => id)).size, ids.length, 'and none comes twice');
  },
);

t.test(
  'when the wall clock jumps, then ids outside the log still sort after what was sent before',
  async (t) => {
    const w = hubWorld({ broker: (clock) => localBroker({ clock, positionTtlMs: 86_400_000 }) });
    const a = w.connect({ room: 'r' });
    w.clock.advance(10);
    for (const skewMs of [300_000, -600_000, 1_000_000]) {
      a.chat('', 'placed, and still on its way');
      w.clock.jump(skewMs);
      a.send({ type: 'ping' });
      a.send({ type: 'nonsense' });
      a.join('r', 'again');
      w.clock.advance(10);
    }
    for (const isGlobal of [true, false]) {
      const received = a.received().filter(({ id }) => isOfGlobal(id) === isGlobal);
      let last = '';
      for (const { id, type } of received) {
        if (type === 'chat') t.ok(id > last, `${id} comes after ${last}`);
        last = id > last ? id : last;
      }
      t.equal(new Set(received.map(({ id }) => id)).size, received.length);
    }
    const [chat] = a.chats('');
    const pong = a.received().filter(({ type }) => type === 'pong')[1];
    const [at, shown] = [chat, pong].map((message) => parseId(message?.id ?? ''));
    t.match(
      shown,
      { value: { offset: 0, outside: true, global: false } },
      "it is of the URL's room",
    );
    t.equal(
      shown !== undefined && isSome(shown) && shown.value.ms,
      at !== undefined && isSome(at) && at.value.ms,
      'its time is that of the later of the two logs',
    );
  },
);

const isOfGlobal = (text: string): boolean => {
  const id = parseId(text);
  return isSome(id) && id.value.global;
};

t.test('when 100,000 pongs are sent at one position, then each has an id of its own', async (t) => {
  const w = world();
  const a = member(w);
  for (let i = 0; i < 100; i++) {
    for (let n = 0; n < 1_000; n++) a.send({ type: 'ping' });
    w.clock.advance(1);
  }
  const ids = a.received().flatMap(({ id, type }) => (type === 'pong' ? [id] : []));
  t.equal(ids.length, 100_000);
  t.equal(new Set(ids).size, 100_000);
});

t.test(
  'when left is sent for a room that was never joined, then its id is of the room and has no position',
  async (t) => {
    const w = world();
    const a = member(w);
    const b = w.connect();
    w.clock.advance(10);
    b.chat('', 'one');
    w.clock.advance(10);
    a.leave('nowhere', 'x');
    w.broker.openMs = 1_000;
    a.join('slow');
    w.clock.advance(10);
    a.leave('slow', 'y');
    w.clock.advance(10);
    const left = a
      .received()
      .filter(({ data }) =>
        ['x', 'y'].includes(String((data as { readonly ref?: string } | undefined)?.ref)),
      );
    t.match(left, [
      { room: 'nowhere', data: { event: 'left', room: 'nowhere' } },
      { room: 'slow', data: { event: 'left', room: 'slow' } },
    ]);
    t.match(
      left.map(({ id }) => parseId(id)),
      [1, 2].map(() => ({ value: { global: false, outside: true } })),
      'of the room, so the global log does not go on from it',
    );
  },
);

t.test(
  'when a client got nothing but welcome, then the id of welcome resumes like the id that the client brought',
  async (t) => {
    const w = world();
    const ids = {
      'of the room': '018bcfe5-680a-7001-8000-000000c00000',
      'of the global log': '018bcfe5-680a-7001-8000-000000e00000',
    };
    for (const [which, id] of Object.entries(ids)) {
      const [welcome] = w.connect({ room: 'r', lastId: id }).received();
      const [brought, shown] = [id, welcome?.id ?? ''].map((text) => parseId(text));
      if (brought === undefined || isNone(brought)) throw new Error('no id');
      const { ms, tag, offset, global } = brought.value;
      t.match(shown, { value: { ms, tag, offset, global, outside: true } }, which);
    }
    const [welcome] = w.connect({ room: 'r' }).received();
    t.match(parseId(welcome?.id ?? ''), { value: { tag: NO_EPOCH, global: false } });
    const again = w.connect({ room: 'r', lastId: welcome?.id ?? '' });
    w.clock.advance(10);
    t.same(again.events('gap'), [], 'who brought no id and hears welcome alone comes as new');
    t.same(
      again.events('joined').map(({ recovered }) => recovered),
      [undefined, undefined],
    );
  },
);

t.test(
  "when a join gets a gap, then the gap's id is of the room, at the position where the messages go on",
  async (t) => {
    const w = world();
    const [a, b] = [w.connect(), member(w)];
    b.chat('r', 1);
    w.clock.advance(10);
    const lost = '018bcfe5-680a-7ffe-8000-000000100000';
    a.send({ type: 'join', room: 'r', data: { last_id: lost } });
    w.clock.advance(10);
    const gap = a
      .received()
      .find(({ data }) => (data as { readonly event?: string }).event === 'gap');
    t.match(gap, { room: 'r', data: { room: 'r', reason: 'log_lost' } });
    t.match(parseId(gap?.id ?? ''), { value: { tag: 1, offset: 1, outside: true, global: false } });
  },
);
