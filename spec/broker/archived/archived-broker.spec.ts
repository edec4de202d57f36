/** What is acknowledged is archived: publishes over an archive that answers late, fails, or refuses. */
import { isLeft, right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { archivedBroker } from '../../../lib/broker/archived/archived-broker.js';
import type { Broker } from '../../../lib/broker/index.js';
import { localBroker } from '../../../lib/broker/local.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { brokerContract } from '../contract.js';
import { clusterBrokers } from '../contract/cluster-brokers.js';
import { brokersOf, idsIn, receiptOf, type Sent } from '../contract/brokers.js';
import { modelBus } from '../../support/model-bus.js';
import { modelRedis } from '../../support/model-redis.js';
import { keyIn } from '../../support/keys.js';
import { DOWN, type PlayedArchive, playedArchive } from '../../support/played-archive.js';

const DAY_MS = 86_400_000;
const TIMEOUT_MS = 2_000;

const world = (over: Partial<Broker> = {}, latencyMs = 3) => {
  const clock = virtualClock();
  const archive = playedArchive(clock, latencyMs);
  const broker = { ...localBroker({ clock, positionTtlMs: DAY_MS }), ...over };
  const archived = archivedBroker({ broker, archive, clock, timeoutMs: TIMEOUT_MS });
  archive.event$.next({ _tag: 'Restored' });
  const cluster = { clock, brokers: [archived], settleMs: 10, retained: () => 0 };
  return { ...brokersOf(cluster), cluster, archive, archived };
};

brokerContract(t, { name: 'a broker with an archive', pods: [1], cluster: () => world().cluster });

brokerContract(t, {
  name: 'a broker of many pods with an archive',
  pods: [1, 3],
  cluster: (pods) => {
    const clock = virtualClock();
    const redis = modelRedis(clock);
    const buses = Array.from({ length: pods }, (_, i) => modelBus(redis, clock, `pod-${i}`));
    const ports = Object.fromEntries(buses.map((bus, i) => [`pod-${i}`, bus]));
    const archive = playedArchive(clock);
    const made = clusterBrokers(clock, ports);
    const brokers = made.brokers.map((broker) =>
      archivedBroker({ broker, archive, clock, timeoutMs: TIMEOUT_MS }),
    );
    archive.event$.next({ _tag: 'Restored' });
    return { ...made, brokers, breakOff: (pod) => buses[pod]?.breakOff('both') };
  },
});

const stored = ({ rows }: PlayedArchive, room = 'r'): readonly string[] =>
  (rows.get(room) ?? []).map(({ idText }) => idText);
const refusalOf = ({ results: [result] }: Sent): string =>
  result !== undefined && isLeft(result) && result.left._tag === 'Unavailable'
    ? result.left.detail
    : '';

t.test('when a message is published, then members have it before it is stored', async (t) => {
  const w = world({}, 500);
  const listener = w.listen('r');
  const sent = w.publish({ room: 'r' });
  w.clock.advance(1);
  t.same([idsIn(listener).length, sent.results.length, w.archived.waiting?.()], [1, 0, 1]);
  w.clock.advance(500);
  t.same(stored(w.archive), [receiptOf(sent).id]);
  t.same(idsIn(listener), stored(w.archive));
  t.equal(w.archived.waiting?.(), 0);
});

t.test('when a message is presence, then it is not stored', async (t) => {
  const w = world();
  const sent = w.publish({ room: 'r', type: 'presence' });
  w.settle();
  t.match(receiptOf(sent), { scope: 'cluster' });
  t.same(stored(w.archive), []);
});

t.test('when the archive refuses, then no member gets the message', async (t) => {
  const w = world();
  const listener = w.listen('r');
  w.archive.refuse(DOWN);
  const sent = w.publish({ room: 'r' });
  t.match(refusalOf(sent), /was not sent; send it again/);
  w.settle();
  t.same(idsIn(listener), []);
  w.archive.refuse(undefined);
  t.match(receiptOf(w.publish({ room: 'r', type: 'presence' })), { scope: 'cluster' });
});

t.test(
  'when a store fails for a second, then it is tried again and the sender is answered',
  async (t) => {
    const w = world();
    w.archive.play(() => DOWN);
    const sent = w.publish({ room: 'r' });
    w.clock.advance(1_000);
    t.equal(sent.results.length, 0);
    w.archive.play(() => undefined);
    w.clock.advance(1_000);
    t.same(stored(w.archive), [receiptOf(sent).id]);
  },
);

t.test(
  'when a store fails for longer, then the sender gets `unavailable`, and the message is stored later',
  async (t) => {
    for (const isRestored of [true, false]) {
      const w = world();
      const listener = w.listen('r');
      w.archive.play(() => DOWN);
      const sent = w.publish({ room: 'r' });
      w.clock.advance(TIMEOUT_MS + 100);
      t.match(refusalOf(sent), /members may have it; send it again with the same id or key$/);
      w.archive.play(() => undefined);
      t.same(stored(w.archive), []);
      if (isRestored) w.archive.event$.next({ _tag: 'Restored' });
      w.clock.advance(isRestored ? 100 : 10_000);
      t.same(stored(w.archive), idsIn(listener), isRestored ? 'restored' : 'after 10 s');
    }
  },
);

t.test(
  'when a message is sent again after `unavailable`, then the first one is stored before the ack',
  async (t) => {
    const w = world();
    const listener = w.listen('r');
    w.archive.play(() => DOWN);
    w.publish({ room: 'r', from: 'alice', data: 1, key: keyIn('k') });
    w.clock.advance(TIMEOUT_MS + 100);
    w.archive.play(() => undefined);
    const again = w.publish({ room: 'r', from: 'alice', data: 1, key: keyIn('k') });
    t.equal(again.results.length, 0);
    w.settle();
    t.match(receiptOf(again), { id: idsIn(listener)[0], duplicate: true });
    t.same(stored(w.archive), idsIn(listener));
    t.equal(
      w.archive.rows.get('r')?.[0]?.payload.toString(),
      String(
        listener.events.flatMap((e) => (e._tag === 'Published' ? e.publication.payload : []))[0],
      ),
    );
  },
);

t.test(
  'when one store is late, then later messages of the room are answered after it',
  async (t) => {
    const w = world();
    let isFirst = true;
    w.archive.play(() => {
      if (!isFirst) return undefined;
      isFirst = false;
      return DOWN;
    });
    const sent = [w.publish({ room: 'r' }), w.publish({ room: 'r' }), w.publish({ room: 's' })];
    w.clock.advance(5);
    t.same(w.answered, [sent[2]]);
    w.clock.advance(100);
    t.same(w.answered, [sent[2], sent[0], sent[1]]);
  },
);

t.test('when the caller has gone, then the message is stored all the same', async (t) => {
  const w = world({}, 500);
  const listener = w.listen('r');
  const { draft } = w.publish({ room: 'q' });
  w.archived
    .publish({ ...draft, room: 'r' })
    .subscribe()
    .unsubscribe();
  w.clock.advance(600);
  t.equal(idsIn(listener).length, 1);
  t.same(stored(w.archive), idsIn(listener));
});

t.test('when a message reaches this pod only, then it is not acknowledged', async (t) => {
  const onPod = right({
    id: '018bcfe5-a360-7001-8000-000000c00000',
    duplicate: false,
    scope: 'pod',
  } as const);
  const w = world({ publish: () => of(onPod) });
  t.match(refusalOf(w.publish({ room: 'r' })), /not archived/);
  t.match(receiptOf(w.publish({ room: 'r', type: 'presence' })), { scope: 'pod' });
  w.settle();
  t.same(stored(w.archive), []);
});

const podOnRedis = () => {
  const clock = virtualClock();
  const bus = modelBus(modelRedis(clock), clock, 'pod-0');
  const archive = playedArchive(clock);
  const made = clusterBrokers(clock, { 'pod-0': bus });
  const brokers = made.brokers.map((broker) =>
    archivedBroker({ broker, archive, clock, timeoutMs: TIMEOUT_MS }),
  );
  archive.event$.next({ _tag: 'Restored' });
  const w = brokersOf({ ...made, brokers });
  return { ...w, bus, archive, publish: () => w.publish({ room: 'r', data: 1, key: keyIn('k') }) };
};

t.test(
  'when Redis does not take a message, then nobody gets it, and it can be sent again',
  async (t) => {
    const w = podOnRedis();
    const listener = w.listen('r');
    w.settle();
    w.bus.blackHole(true);
    const first = w.publish();
    w.clock.advance(2 * TIMEOUT_MS);
    t.match(refusalOf(first), /send it again with the same id/);
    t.match(refusalOf(w.publish()), /send it again/, 'at once');
    t.same([idsIn(listener), stored(w.archive)], [[], []]);
    w.bus.blackHole(false);
    w.clock.advance(10_000);
    const again = w.publish();
    w.settle();
    t.match(receiptOf(again), { scope: 'cluster' });
    t.same(stored(w.archive), [receiptOf(again).id]);
    t.same(idsIn(listener), stored(w.archive), 'each member has it once');
  },
);

t.test(
  'when Redis takes a message and answers too late, then the second try is stored before its ack',
  async (t) => {
    const w = podOnRedis();
    w.bus.holdAnswers(true);
    const first = w.publish();
    w.clock.advance(2 * TIMEOUT_MS);
    t.match(refusalOf(first), /send it again with the same id/);
    t.same(stored(w.archive), []);
    w.bus.holdAnswers(false);
    w.clock.advance(10_000);
    const again = w.publish();
    w.settle();
    t.match(receiptOf(again), { duplicate: true, scope: 'cluster' });
    t.same(stored(w.archive), [receiptOf(again).id]);
  },
);

t.test(
  'when the archive has not answered since the start, then publishes wait, and the pod is starting',
  async (t) => {
    for (const answers of [true, false]) {
      const clock = virtualClock();
      const archive = playedArchive(clock);
      const broker = localBroker({ clock, positionTtlMs: DAY_MS });
      const archived = archivedBroker({ broker, archive, clock, timeoutMs: TIMEOUT_MS });
      const w = brokersOf({ clock, brokers: [archived], settleMs: 10, retained: () => 0 });
      const statuses: string[] = [];
      archived.status$.subscribe(({ _tag }) => statuses.push(_tag));
      archive.refuse(DOWN);
      const sent = w.publish({ room: 'r' });
      clock.advance(1_000);
      t.same([sent.results.length, statuses], [0, ['Starting']]);
      if (answers) {
        archive.refuse(undefined);
        archive.event$.next({ _tag: 'Restored' });
      }
      clock.advance(2_100);
      t.same(statuses, ['Starting', 'Up']);
      if (answers) t.same(stored(archive), [receiptOf(sent).id]);
      else t.match(refusalOf(sent), /was not sent/);
    }
  },
);

t.test(
  'when the broker is closed, then the archive is closed, and what waits is answered',
  async (t) => {
    const w = world();
    w.archive.play(() => DOWN);
    const sent = w.publish({ room: 'r' });
    w.clock.advance(10);
    w.archived.close().subscribe();
    t.ok(w.archive.isClosed());
    t.match(refusalOf(sent), /shutting down/);
  },
);
