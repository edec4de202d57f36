/**
 * Several pods on one model of Redis, in virtual time: whatever happens in whatever order, the members of a
 * room get one order, no message twice, no hole without a gap, and every receipt is true.
 */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { channelOf } from '../../../lib/broker/redis/port.js';
import { formatId, nonceOf, type Room } from '../../../lib/protocol/position.js';
import {
  draft,
  fail,
  faultsOf,
  join,
  podOf,
  publish,
  restsOf,
  scopeOf,
  statusOf,
  tagsOf,
  world,
} from '../../support/cluster-world.js';
import { type ModelRedis } from '../../support/model-redis-port.js';

t.test(
  'when a message is published, then members on every pod get it under one id and in one order',
  async (t) => {
    const w = world(3);
    const listeners = w.pods.map((pod) => join(w, pod, 'r'));
    w.clock.advance(100);
    for (let i = 0; i < 300; i++) publish(w, podOf(w, i), 'r');
    w.clock.advance(200);
    t.same(faultsOf(w), []);
    t.same(
      listeners.map((listener) => tagsOf(listener)[0]),
      ['Opened cluster', 'Opened cluster', 'Opened cluster'],
    );
    t.same(
      listeners.map((listener) => restsOf(listener).length),
      [300, 300, 300],
    );
    t.same(restsOf(listeners[1] ?? fail()), restsOf(listeners[0] ?? fail()));
    t.ok(
      w.pods.every((pod) => (pod.bus.sent.get('publish') ?? 0) <= 4),
      'a hundred messages take few calls',
    );
  },
);

t.test(
  'when a message is published before the first probe came back, then it waits for the probe',
  async (t) => {
    const w = world(1);
    const sent = publish(w, podOf(w, 0), 'r');
    t.equal(scopeOf(sent), 'waits');
    w.clock.advance(50);
    t.equal(scopeOf(sent), 'cluster');
  },
);

t.test('when subscribers come and go, then the subscriptions in Redis follow', async (t) => {
  const w = world(1);
  const pod = podOf(w, 0);
  const rooms = Array.from({ length: 1_200 }, (_, i) => join(w, pod, `r${i}`));
  w.clock.advance(100);
  t.ok(rooms.every((room) => tagsOf(room)[0] === 'Opened cluster'));
  t.ok((pod.bus.sent.get('subscribe') ?? 0) <= 4, '500 channels a call');
  const before = pod.bus.sent.get('subscribe');
  const again = rooms.map(({ room }) => join(w, pod, room));
  for (const { subscription } of rooms) subscription.unsubscribe();
  w.clock.advance(100);
  t.equal(
    pod.bus.sent.get('subscribe'),
    before,
    'a new subscriber before the old one left asks nothing',
  );
  t.equal(pod.bus.sent.get('unsubscribe'), undefined, 'and the old one leaving takes nothing away');
  t.ok(again.every((room) => tagsOf(room)[0] === 'Opened cluster'));
  for (const { subscription } of again) subscription.unsubscribe();
  w.clock.advance(100);
  t.equal(pod.bus.sent.get('unsubscribe'), 3);
  t.same(pod.broker.holdings(), { channels: 3, rooms: 0, queues: 0, counts: 0 });
  t.equal(w.redis.subscribers(channelOf('r0')), 0);
});

t.test(
  'when the clock of Redis is wrong or jumps, then messages are still delivered to all pods',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    w.clock.advance(1_000);
    for (const ms of [3_600_000, -7_200_000, 86_400_000]) {
      w.redis.jump(ms);
      const sent = publish(w, pod, 'r');
      w.clock.advance(100);
      t.equal(scopeOf(sent), 'cluster', `${ms} ms`);
    }
  },
);

t.test(
  'when a publish falls back, then its id has the time of the position before it and equals no other',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    w.clock.advance(1_000);
    // an hour behind the pod
    w.redis.jump(-3_600_000);
    const listener = join(w, pod, 'r');
    w.clock.advance(100);
    publish(w, pod, 'r');
    w.clock.advance(100);
    w.redis.crash();
    w.clock.advance(5_000);
    for (let i = 0; i < 3_000; i++) {
      publish(w, pod, 'r');
      w.clock.advance(1);
    }
    const ids = listener.events.flatMap((event) =>
      event._tag === 'Published' ? [event.publication] : [],
    );
    t.equal(ids.length, 3_001);
    const [first, ...fallen] = ids;
    t.ok(fallen.every(({ id }) => id.outside && id.ms === first?.id.ms && id.offset === 1));
    t.equal(new Set(ids.map(({ idText }) => idText)).size, ids.length);
    t.ok(fallen.every(({ idText }) => idText > (first?.idText ?? '')));
  },
);

t.test('when Redis refuses one channel, then that channel alone fails', async (t) => {
  const w = world(1);
  const pod = podOf(w, 0);
  w.clock.advance(100);
  pod.bus.denied.add(channelOf('secret'));
  const refused: unknown[] = [];
  pod.broker.event$.subscribe((event) => event._tag === 'Refused' && refused.push(event.right));
  const [a, secret, b] = ['a', 'secret', 'b'].map((room) => join(w, pod, room));
  w.clock.advance(1_000);
  t.same(
    [a, secret, b].map((listener) => tagsOf(listener ?? fail())),
    [['Opened cluster'], ['Failed'], ['Opened cluster']],
  );
  t.same([...new Set(refused)], ['+subscribe &realtime:room:*'], 'the operator hears of the right');
  w.redis.spoil('bad');
  const bad = join(w, pod, 'bad');
  w.clock.advance(1_000);
  t.same(tagsOf(bad), ['Failed'], "a key of the wrong type is its room's own fault");
});

t.test(
  'when another program publishes, then a message passes without an offset, and all else is dropped',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    w.clock.advance(1_000);
    publish(w, pod, 'r');
    w.clock.advance(50);
    const publishForeign = (tag: number, offset: number): void => {
      const id = formatId({
        ms: w.clock.wall(),
        tag,
        offset,
        global: false,
        outside: false,
        nonce: 1,
      });
      w.redis.send(channelOf('r'), Buffer.from(`{"id":"${id}",${draft('r', 0).rest}`));
    };
    const { tag } = w.redis.top('r', 1)._tag === 'Right' ? tops(w.redis, 'r') : fail();
    publishForeign((tag % 4_094) + 1, 77);
    publishForeign(tag, 500);
    w.redis.send(channelOf('r'), Buffer.from('not json'));
    w.clock.advance(50);
    publish(w, pod, 'r');
    w.clock.advance(50);
    t.same(
      tagsOf(listener),
      ['Opened cluster', 'Published', 'Published', 'Published', 'Published'],
      'no gap',
    );
    t.equal(pod.events.filter(({ _tag }) => _tag === 'PayloadDropped').length, 1);
  },
);

t.test(
  'when a payload begins like that of a pod and is not valid, then no member gets it, and it is counted',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    w.clock.advance(1_000);
    publish(w, pod, 'r');
    w.clock.advance(50);
    const first = listener.events.find((event) => event._tag === 'Published');
    if (first === undefined) return void t.fail('nothing was published');
    const { id, idText } = first.publication;
    const { rest } = draft('r', 0);
    const broken = rest.replace(/"data":[^,]*/, '"data":');
    const ids = [
      idText,
      formatId({ ...id, nonce: id.nonce + 1 }),
      ...[1, 2, 900].map((more) => formatId({ ...id, offset: id.offset + more, nonce: 7 })),
      formatId({ ...id, tag: (id.tag % 4_094) + 1 }),
    ];
    for (const each of ids) w.redis.send(channelOf('r'), Buffer.from(`{"id":"${each}",${broken}`));
    w.clock.advance(50);
    publish(w, pod, 'r');
    w.clock.advance(50);
    t.same(tagsOf(listener), ['Opened cluster', 'Published', 'Published']);
    t.equal(pod.events.filter(({ _tag }) => _tag === 'PayloadDropped').length, ids.length);
    // of a key given twice the last holds
    const own = formatId({ ...id, tag: (id.tag % 4_094) + 1, nonce: 9 });
    const twice = `{"id":"${ids[2] ?? ''}",${rest.slice(0, -1)},"id":"${own}"}`;
    w.redis.send(channelOf('r'), Buffer.from(twice));
    w.clock.advance(50);
    const last = listener.events.at(-1);
    if (last?._tag !== 'Published') return void t.fail('it was not passed on');
    t.match(JSON.parse(last.publication.payload.toString()), { ref: own });
    t.equal(last.publication.id.nonce, nonceOf(own));
  },
);

const tops = (redis: ModelRedis, room: Room): { readonly tag: number } => {
  const top = redis.top(room, 1);
  return isRight(top) ? top.right : fail();
};

t.test(
  'when Redis freezes, then the connection is lost because Redis did not answer',
  async (t) => {
    const w = world(1);
    const details: string[] = [];
    podOf(w, 0).broker.event$.subscribe((event) => {
      if (event._tag === 'ConnectionLost') details.push(event.detail);
    });
    w.clock.advance(1_000);
    w.redis.freeze();
    w.clock.advance(3_000);
    t.equal(statusOf(podOf(w, 0)), 'Degraded');
    t.match(details, [/^Redis did not answer/]);
    w.redis.thaw();
    w.clock.advance(3_000);
    t.equal(statusOf(podOf(w, 0)), 'Up');
  },
);
