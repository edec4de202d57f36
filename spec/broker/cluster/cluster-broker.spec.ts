/**
 * Several pods on one model of Redis, in virtual time: whatever happens in whatever order, the members of a room see one
 * order, nothing twice, no hole that is not told, and every receipt says the truth.
 */
import { isRight, type Either } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import fc from 'fast-check';
import { concat, ignoreElements, NEVER, type Subscription } from 'rxjs';
import t from 'tap';
import { channelOf, podChannel } from '../../../lib/broker/redis/port.js';
import type {
  BrokerEvent,
  BrokerStatus,
  ChannelEvent,
  PublishError,
  Receipt,
} from '../../../lib/broker/index.js';
import { clusterBroker, type ClusterBroker } from '../../../lib/broker/cluster/cluster-broker.js';
import { type Draft, draftOf, bodyOf } from '../../../lib/protocol/publication.js';
import { formatId, nonceOf, parseId, type Room } from '../../../lib/protocol/position.js';
import { modelBus, type ModelBus } from '../../support/model-bus.js';
import { type ModelRedis, modelRedis } from '../../support/model-redis.js';
import { type VirtualClock, virtualClock } from '../../support/virtual-clock.js';
import { keyIn } from '../../support/keys.js';

/** One subscription of a pod to a room's channel, and all that it was told. */
interface Listener {
  readonly room: Room;
  readonly events: ChannelEvent[];
  readonly subscription: Subscription;
  /** What this pod had said on the pod alone when each event came. */
  readonly since: number;
}

interface Sent {
  readonly draft: Draft;
  readonly at: number;
  result: Either<PublishError, Receipt> | undefined;
}

interface Pod {
  readonly bus: ModelBus;
  readonly broker: ClusterBroker;
  readonly listeners: Listener[];
  readonly sent: Sent[];
  /** In the order of the answers. */
  readonly answered: Sent[];
  readonly events: BrokerEvent[];
  readonly statuses: BrokerStatus[];
}

interface World {
  readonly clock: VirtualClock;
  readonly redis: ModelRedis;
  readonly pods: readonly Pod[];
}

const world = (pods: number, seed = 1): World => {
  const clock = virtualClock(seed);
  const redis = modelRedis(clock);
  return {
    clock,
    redis,
    pods: Array.from({ length: pods }, (_, i): Pod => {
      const serverId = `pod-${i}`;
      const bus = modelBus(redis, clock, serverId);
      const broker = clusterBroker({ bus, clock, serverId, timeoutMs: 2_000 });
      const pod: Pod = {
        bus,
        broker,
        listeners: [],
        sent: [],
        answered: [],
        events: [],
        statuses: [],
      };
      broker.event$.subscribe((event) => pod.events.push(event));
      broker.status$.subscribe((status) => pod.statuses.push(status));
      return pod;
    }),
  };
};

const podOf = ({ pods }: World, i: number): Pod => {
  const pod = pods[i % pods.length];
  if (pod === undefined) throw new Error('a world without pods');
  return pod;
};

const join = ({ clock }: World, pod: Pod, room: Room): Listener => {
  const events: ChannelEvent[] = [];
  const listener: Listener = {
    room,
    events,
    since: clock.scheduler.now(),
    subscription: pod.broker.channel(room).subscribe((event) => events.push(event)),
  };
  pod.listeners.push(listener);
  return listener;
};

let count = 0;
const draft = (room: Room, at: number, key?: string, text?: string): Draft => {
  count += 1;
  const made = draftOf({
    room,
    type: 'chat',
    from: 'alice',
    data: text ?? count,
    at,
    key: key === undefined ? undefined : keyIn(key),
  });
  if (!isRight(made)) throw new Error(made.left.text);
  return made.right;
};

const publish = ({ clock }: World, pod: Pod, room: Room, key?: string, text?: string): Sent => {
  const sent: Sent = {
    draft: draft(room, clock.wall(), key, text),
    at: clock.scheduler.now(),
    result: undefined,
  };
  pod.sent.push(sent);
  pod.broker.publish(sent.draft).subscribe((result) => {
    sent.result = result;
    pod.answered.push(sent);
  });
  return sent;
};

const scopeOf = ({ result }: Sent): string =>
  result === undefined ? 'waits' : isRight(result) ? result.right.scope : result.left._tag;

/** The JSON behind the id: a message, whatever id it has. */
const restsOf = ({ events }: Listener): readonly string[] =>
  events.flatMap((event) =>
    event._tag === 'Published' ? [bodyOf(event.publication.payload)] : [],
  );

const tagsOf = ({ events }: Listener): readonly string[] =>
  events.map((event) =>
    event._tag === 'Gap'
      ? `Gap ${event.reason}`
      : event._tag === 'Opened'
        ? `Opened ${event.scope}`
        : event._tag,
  );

const statusOf = ({ statuses }: Pod): string | undefined => statuses.at(-1)?._tag;

/** What is wrong with what the pods were told; empty when nothing is. */
const faultsOf = ({ pods, redis }: World): readonly string[] => {
  const faults: string[] = [];
  const positions: ReadonlyMap<string, number>[] = [];
  for (const [p, pod] of pods.entries()) {
    const onPod = new Set(
      pod.sent.flatMap((sent) => (scopeOf(sent) === 'pod' ? [sent.draft.rest] : [])),
    );
    for (const [l, listener] of pod.listeners.entries()) {
      const who = `pod ${p} listener ${l} of ${listener.room}`;
      const rests = restsOf(listener);
      if (new Set(rests).size !== rests.length) faults.push(`${who}: a message came twice`);
      if (listener.events.length > 0 && listener.events[0]?._tag !== 'Opened')
        faults.push(`${who}: not opened first`);
      if (listener.events.filter(({ _tag }) => _tag === 'Opened').length > 1)
        faults.push(`${who}: opened twice`);
      let tag = -1;
      let offset = -1;
      let gap = true;
      const order = new Map<string, number>();
      for (const event of listener.events) {
        if (event._tag === 'Opened' || event._tag === 'Gap') {
          ({ tag, offset } = event.top);
          gap = event._tag === 'Gap';
        }
        if (event._tag !== 'Published' || event.publication.id.outside) continue;
        const { id, idText } = event.publication;
        if (!redis.placed.has(idText)) faults.push(`${who}: ${idText} has no place`);
        if (redis.placed.get(idText)?.room !== listener.room)
          faults.push(`${who}: another room's message`);
        order.set(`${listener.room} ${idText}`, order.size);
        // of an epoch that is over, and still on its way: it passes as it is
        const epochs = redis.epochs(listener.room);
        if (id.tag !== tag && epochs.lastIndexOf(id.tag) < epochs.lastIndexOf(tag)) continue;
        // of a history that Redis lost, likewise
        if (redis.lost.has(idText) && id.offset !== offset + 1) continue;
        if (id.tag === tag && id.offset === offset + 1) {
          offset = id.offset;
          gap = false;
        } else if (!gap) {
          // what fell back and ran all the same was said already, and its place is passed in silence
          const missing = [...redis.placed].filter(([placed, { room }]) => {
            const at = parseId(placed);
            return (
              room === listener.room &&
              isSome(at) &&
              at.value.tag === id.tag &&
              at.value.offset > offset &&
              at.value.offset < id.offset
            );
          });
          if (
            id.tag !== tag ||
            id.offset <= offset ||
            missing.some(([, { rest }]) => !onPod.has(rest))
          ) {
            faults.push(`${who}: after ${tag}:${offset} came ${id.tag}:${id.offset} without a gap`);
          }
          offset = id.offset;
        }
      }
      positions.push(order);
    }
    const rooms = new Set(pod.sent.map(({ draft: { room } }) => room));
    for (const room of rooms) {
      const asked = pod.sent.filter(
        (sent) => sent.draft.room === room && sent.result !== undefined,
      );
      const answered = pod.answered.filter((sent) => sent.draft.room === room);
      if (asked.some((sent, i) => sent !== answered[i]))
        faults.push(`pod ${p}: receipts of ${room} out of order`);
    }
    for (const sent of pod.sent) {
      if (sent.result === undefined) faults.push(`pod ${p}: a publish was never answered`);
      else if (isRight(sent.result)) {
        const { id, scope } = sent.result.right;
        const placed = redis.placed.get(id);
        if (scope === 'cluster' && placed?.rest !== sent.draft.rest)
          faults.push(`pod ${p}: scope cluster for what has no place`);
        if (scope === 'pod' && placed !== undefined)
          faults.push(`pod ${p}: scope pod for what has a place`);
      } else faults.push(`pod ${p}: ${sent.result.left._tag}`);
    }
  }
  for (const [i, one] of positions.entries()) {
    for (const other of positions.slice(i + 1)) {
      const common = [...one.keys()].filter((id) => other.has(id));
      for (let k = 1; k < common.length; k++) {
        if ((other.get(common[k - 1] ?? '') ?? 0) > (other.get(common[k] ?? '') ?? 0))
          faults.push(`two orders of ${common[k - 1]} and ${common[k]}`);
      }
    }
  }
  return faults;
};

/** Whether the log has what a listener neither got nor was told of, though nothing is on its way. */
const isSilentlyBehind = ({ redis, pods }: World, { room, events }: Listener): boolean => {
  const pod = pods.find(({ listeners }) => listeners.some((each) => each.events === events));
  const onPod = new Set(
    pod?.sent.flatMap((sent) => (scopeOf(sent) === 'pod' ? [sent.draft.rest] : [])),
  );
  let place = { tag: -1, offset: -1 };
  for (const event of events) {
    if (event._tag === 'Opened' || event._tag === 'Gap') place = event.top;
    else if (event._tag === 'Published') {
      const { id } = event.publication;
      if (!id.outside && id.tag === place.tag && id.offset > place.offset) place = id;
    }
  }
  const top = redis.entries(room).at(-1);
  if (top === undefined) return false;
  const current = redis.epochs(room).at(-1) === place.tag;
  return redis
    .entries(room)
    .some(({ offset, rest }) => (!current || offset > place.offset) && !onPod.has(rest));
};

t.test('a message reaches the members on every pod, under one id, in one order', async (t) => {
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
});

const fail = (): never => {
  throw new Error('expected a value, got none');
};

t.test('what is published before the first probe came round waits for it', async (t) => {
  const w = world(1);
  const sent = publish(w, podOf(w, 0), 'r');
  t.equal(scopeOf(sent), 'waits');
  w.clock.advance(50);
  t.equal(scopeOf(sent), 'cluster');
});

t.test('the subscriptions follow the subscribers, by name', async (t) => {
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
  t.equal(w.redis.hears(channelOf('r0')), 0);
});

t.test(
  'without Redis a pod says so, reaches its own members, and joins when Redis appears',
  async (t) => {
    const w = world(1);
    w.redis.crash();
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    const early = publish(w, pod, 'r');
    w.clock.advance(3_300);
    t.equal(statusOf(pod), 'Degraded');
    const late = publish(w, pod, 'r');
    t.same([scopeOf(early), scopeOf(late)], ['pod', 'pod']);
    t.same(tagsOf(listener), ['Opened pod', 'Published', 'Published']);
    w.redis.start();
    w.clock.advance(2_000);
    t.equal(statusOf(pod), 'Up');
    const back = publish(w, pod, 'r');
    w.clock.advance(50);
    t.equal(scopeOf(back), 'cluster');
    t.same(tagsOf(listener), [
      'Opened pod',
      'Published',
      'Published',
      'Gap broker_outage',
      'Published',
    ]);
    t.same(faultsOf(w), []);
  },
);

t.test(
  'a frozen Redis: told within 3 s, the pod goes on alone, nothing is said late or twice, restored within 2 s',
  async (t) => {
    const w = world(2);
    const listeners = w.pods.map((pod) => join(w, pod, 'r'));
    const pod = podOf(w, 0);
    w.clock.advance(1_000);
    w.redis.freeze();
    const caught = publish(w, pod, 'r');
    const behind = publish(w, pod, 'r');
    w.clock.advance(700);
    t.equal(scopeOf(caught), 'waits');
    w.clock.advance(1_310);
    t.same([scopeOf(caught), scopeOf(behind)], ['pod', 'pod'], 'within BROKER_TIMEOUT_MS');
    w.clock.advance(900);
    t.equal(statusOf(pod), 'Degraded');
    w.clock.advance(5_000);
    w.redis.thaw();
    w.clock.advance(2_000);
    t.equal(statusOf(pod), 'Up');
    t.equal(w.redis.placed.size, 0, 'the script refused what came after its deadline');
    const later = publish(w, pod, 'r');
    w.clock.advance(100);
    t.equal(scopeOf(later), 'cluster');
    t.same(
      listeners.map((listener) => restsOf(listener).length),
      [3, 1],
    );
    t.same(faultsOf(w), []);
    t.ok(pod.events.some((event) => event._tag === 'PublishFailed' && event.messages === 1));
  },
);

t.test(
  'a publish whose answer is lost may have run: its echo is not said again here, and the others get it',
  async (t) => {
    const w = world(2);
    const [here, there] = w.pods.map((pod) => join(w, pod, 'r'));
    const pod = podOf(w, 0);
    w.clock.advance(1_000);
    for (const each of w.pods) each.bus.slow(100);
    const sent = publish(w, pod, 'r');
    let ms = 0;
    // the command reaches Redis, and nothing comes back for longer than the timeout
    while (w.redis.placed.size === 0 && ms < 200) {
      w.clock.advance(1);
      ms += 1;
    }
    t.equal(w.redis.placed.size, 1);
    pod.bus.blackHole(true);
    w.clock.advance(2_000);
    t.equal(scopeOf(sent), 'pod');
    for (const each of w.pods) each.bus.slow(2);
    pod.bus.blackHole(false);
    w.clock.advance(3_000);
    const next = publish(w, podOf(w, 1), 'r');
    w.clock.advance(500);
    t.equal(scopeOf(next), 'cluster');
    t.equal(restsOf(here ?? fail()).filter((rest) => rest === sent.draft.rest).length, 1);
    t.equal(restsOf(there ?? fail()).length, 2);
    t.same(faultsOf(w), []);
  },
);

t.test(
  'however long the outage, what fell back and ran all the same is not said again',
  async (t) => {
    const w = world(2);
    const pod = podOf(w, 0);
    const here = join(w, pod, 'r');
    w.clock.advance(1_000);
    pod.bus.deafen(true);
    pod.bus.holdAnswers(true);
    const sent = publish(w, pod, 'r');
    w.clock.advance(2_100);
    t.equal(scopeOf(sent), 'pod');
    t.equal(w.redis.placed.size, 1);
    pod.bus.blackHole(true);
    w.clock.advance(300_000);
    pod.bus.deafen(false);
    pod.bus.holdAnswers(false);
    pod.bus.blackHole(false);
    w.clock.advance(3_000);
    t.same(restsOf(here), [sent.draft.rest]);
    t.equal(here.events.at(-1)?._tag, 'Echoed', 'but to who has come since');
  },
);

t.test(
  'when the answer of a publish is lost and its message is read in the log, then it reached all',
  async (t) => {
    const clock = virtualClock();
    const redis = modelRedis(clock);
    const bus = modelBus(redis, clock, 'pod-0');
    const answerless = {
      ...bus,
      publish: (...call: Parameters<typeof bus.publish>) =>
        concat(bus.publish(...call).pipe(ignoreElements()), NEVER),
    };
    const broker = clusterBroker({ bus: answerless, clock, serverId: 'pod-0', timeoutMs: 8_000 });
    const scopes: string[] = [];
    const offsets: (number | undefined)[] = [];
    broker.channel('r').subscribe((event) => {
      if (event._tag === 'Published') offsets.push(event.offset);
    });
    clock.advance(1_000);
    bus.deafen(true);
    broker.publish(draft('r', clock.wall())).subscribe((result) => {
      scopes.push(isRight(result) ? result.right.scope : result.left._tag);
    });
    clock.advance(9_000);
    t.same(offsets, [1]);
    t.same(scopes, ['cluster']);
  },
);

t.test('a single failed publish pins its room until a later probe has come round', async (t) => {
  const w = world(1);
  const pod = podOf(w, 0);
  const listener = join(w, pod, 'r');
  w.clock.advance(1_010);
  w.redis.refuse('OutOfMemory');
  const one = publish(w, pod, 'r');
  w.clock.advance(20);
  w.redis.refuse(undefined);
  const two = publish(w, pod, 'r');
  const other = publish(w, pod, 'other');
  w.clock.advance(20);
  t.same([one, two, other].map(scopeOf), ['pod', 'pod', 'cluster']);
  w.clock.advance(1_000);
  const three = publish(w, pod, 'r');
  w.clock.advance(20);
  t.equal(scopeOf(three), 'cluster');
  t.same(
    restsOf(listener),
    [one, two, three].map(({ draft: { rest } }) => rest),
  );
  t.same(
    pod.statuses.map(({ _tag }) => _tag),
    ['Starting', 'Up'],
    'no outage is told',
  );
  t.equal(pod.events.filter(({ _tag }) => _tag === 'PublishFailed').length, 1, 'counted once');
});

t.test('a publish that is heard before its connection breaks has its place', async (t) => {
  let met = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const w = world(1, seed);
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    w.clock.advance(1_000);
    pod.bus.slow(100);
    let pushed = 0;
    pod.bus.event$.subscribe((event) => {
      if (event._tag === 'Message' && event.channel === channelOf('r')) pushed += 1;
    });
    const sent = publish(w, pod, 'r');
    for (let ms = 0; ms < 250 && pushed === 0; ms += 1) w.clock.advance(1);
    if (sent.result !== undefined) continue;
    t.same(restsOf(listener), [], 'not believed before the script answers, or the log');
    met += 1;
    pod.bus.cut();
    w.clock.advance(3_000);
    t.equal(scopeOf(sent), 'cluster');
    t.same(restsOf(listener), [sent.draft.rest]);
  }
  t.ok(met > 3, `met in ${met} of 20`);
});

t.test(
  'a connection breaks ten times in two seconds: everybody has everything, and nobody is told',
  async (t) => {
    let broken = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const w = world(2, seed);
      const pod = podOf(w, 0);
      const other = podOf(w, 1);
      const listeners = [join(w, pod, 'r'), join(w, other, 'r')];
      w.clock.advance(1_000);
      for (let ms = 0; ms < 2_000; ms += 10) {
        publish(w, pod, 'r');
        publish(w, other, 'r');
        // under way
        w.clock.advance(seed % 4);
        if (ms % 200 === 100) {
          pod.bus.breakOff(
            (['subscriber', 'publisher', 'both'] as const)[(ms / 100) % 3] ?? 'both',
          );
          broken += 1;
        }
        w.clock.advance(10 - (seed % 4));
      }
      w.clock.advance(2_000);
      t.same(
        [...pod.sent, ...other.sent].filter((sent) => scopeOf(sent) !== 'cluster'),
        [],
        'no ack says that it reached one pod alone',
      );
      for (const listener of listeners) {
        const rests = restsOf(listener);
        t.same([rests.length, new Set(rests).size], [400, 400], 'each once');
      }
      t.same(faultsOf(w), []);
      t.same(
        pod.statuses.map(({ _tag }) => _tag),
        ['Starting', 'Up'],
      );
      t.same(
        pod.events.filter(({ _tag }) => _tag === 'PublishFailed'),
        [],
      );
      t.equal(pod.broker.waiting?.(), 0);
    }
    t.ok(broken > 100, `${broken} times`);
  },
);

t.test('restored is told when the rooms are subscribed again and repaired', async (t) => {
  const w = world(2);
  const pod = podOf(w, 0);
  const listener = join(w, pod, 'r');
  w.clock.advance(1_000);
  pod.bus.blackHole(true);
  w.clock.advance(4_000);
  t.equal(statusOf(pod), 'Degraded');
  publish(w, podOf(w, 1), 'r');
  w.clock.advance(100);
  pod.bus.slow(100);
  const atUp: (readonly string[])[] = [];
  pod.broker.status$.subscribe(({ _tag }) => {
    if (_tag === 'Up') atUp.push(tagsOf(listener));
  });
  const reads = pod.bus.sent.get('page') ?? 0;
  pod.bus.blackHole(false);
  // until restored, and not until a quiet room is looked after
  w.clock.advance(1_500);
  t.same(atUp, [['Opened cluster', 'Published']]);
  t.equal(pod.bus.sent.get('page'), reads + 1, 'read once');
});

t.test(
  'restored is told when rooms are repaired that stood all the time and heard nothing',
  async (t) => {
    const w = world(2);
    const pod = podOf(w, 0);
    const rooms = Array.from({ length: 8 }, (_, i) => join(w, pod, `r${i}`));
    w.clock.advance(1_000);
    pod.bus.deafen(true);
    w.clock.advance(3_500);
    t.equal(statusOf(pod), 'Degraded');
    for (const { room } of rooms) publish(w, podOf(w, 1), room);
    w.clock.advance(10);
    const atUp: string[] = [];
    pod.broker.status$.subscribe(({ _tag }) => {
      if (_tag === 'Up') atUp.push(...rooms.flatMap(tagsOf));
    });
    pod.bus.deafen(false);
    w.clock.advance(1_000);
    t.same(
      atUp,
      rooms.flatMap(() => ['Opened cluster', 'Published']),
    );
    t.same(faultsOf(w), []);
  },
);

t.test('a key of what was said on the pod alone is known when it comes again', async (t) => {
  const w = world(1);
  const pod = podOf(w, 0);
  w.redis.crash();
  w.clock.advance(4_000);
  const first = publish(w, pod, 'r', 'k', 'same');
  w.redis.start();
  w.clock.advance(3_000);
  const again = publish(w, pod, 'r', 'k', 'same');
  const other = publish(w, pod, 'r', 'k', 'different');
  w.clock.advance(50);
  const { result } = first;
  t.ok(result !== undefined && isRight(result));
  if (result === undefined || !isRight(result)) return;
  t.same(again.result, {
    _tag: 'Right',
    right: { id: result.right.id, duplicate: true, scope: 'pod' },
  });
  t.same(other.result, { _tag: 'Left', left: { _tag: 'KeyReused' } });
  t.equal(w.redis.placed.size, 0);
  w.clock.advance(300_000);
  const after = publish(w, pod, 'r', 'k', 'same');
  w.clock.advance(50);
  t.equal(scopeOf(after), 'cluster', 'for 5 minutes');
});

t.test('the clock of Redis may be wrong, and may jump', async (t) => {
  const w = world(1);
  const pod = podOf(w, 0);
  w.clock.advance(1_000);
  for (const ms of [3_600_000, -7_200_000, 86_400_000]) {
    w.redis.jump(ms);
    const sent = publish(w, pod, 'r');
    w.clock.advance(100);
    t.equal(scopeOf(sent), 'cluster', `${ms} ms`);
  }
});

t.test(
  'what falls back on the pod bears the time of the place it comes after, not the pod’s, and an id of its own',
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

t.test('a channel that Redis refuses fails alone', async (t) => {
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
  'Redis restarts empty, or goes back: told as a gap, and the message that shows it is not eaten',
  async (t) => {
    for (const fault of ['wipe', 'failover', 'failover unseen'] as const) {
      const w = world(2);
      const listeners = w.pods.map((pod) => join(w, pod, 'r'));
      w.clock.advance(1_000);
      for (let i = 0; i < 10; i++) publish(w, podOf(w, i), 'r');
      w.clock.advance(100);
      if (fault === 'wipe') w.redis.wipe();
      else w.redis.failover(3, fault === 'failover');
      w.clock.advance(fault === 'failover' ? 1_500 : 10);
      for (let i = 0; i < 4; i++) {
        publish(w, podOf(w, i), 'r');
        w.clock.advance(20);
      }
      w.clock.advance(1_000);
      t.same(faultsOf(w), [], fault);
      for (const listener of listeners) {
        t.equal(restsOf(listener).length, 14, `${fault}: every message came`);
        t.equal(
          tagsOf(listener).filter((tag) => tag === 'Gap log_lost').length,
          1,
          `${fault}: one gap`,
        );
      }
    }
  },
);

t.test(
  'what other programs publish passes without a place; what is not a message is dropped',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    w.clock.advance(1_000);
    publish(w, pod, 'r');
    w.clock.advance(50);
    const say = (tag: number, offset: number): void => {
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
    say((tag % 4_094) + 1, 77);
    say(tag, 500);
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
  'when a payload begins as those of pods do and is none, then no member is told it, and each is counted',
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

t.test('members are told at most once a second, and the others counted', async (t) => {
  const w = world(2);
  const told: number[] = [];
  w.clock.advance(1_000);
  podOf(w, 1).broker.members('r', 5).subscribe();
  w.clock.advance(100);
  for (let i = 1; i <= 50; i++) {
    podOf(w, 0)
      .broker.members('r', i)
      .subscribe((others) => told.push(others));
    w.clock.advance(10);
  }
  w.clock.advance(1_000);
  t.equal(podOf(w, 0).bus.sent.get('members'), 2);
  t.same([told.length, told.at(-1)], [50, 5]);
  podOf(w, 1)
    .broker.members('r', 0)
    .subscribe((others) => told.push(others));
  w.clock.advance(2_000);
  t.equal(told.at(-1), 50);
  podOf(w, 0).broker.members('r', 0).subscribe();
  w.clock.advance(2_000);
  t.same(
    w.pods.map(({ broker }) => broker.holdings().counts),
    [0, 0],
  );
});

t.test('who only asks how many the others have tells them nothing', async (t) => {
  const w = world(2);
  const [here, there] = [podOf(w, 0).broker, podOf(w, 1).broker];
  const asked = (room: Room): number | undefined | 'nothing' => {
    let answer: number | undefined | 'nothing' = 'nothing';
    here.membersElsewhere(room).subscribe((others) => (answer = others));
    w.clock.advance(1_500);
    return answer;
  };
  w.clock.advance(1_000);
  there.members('r', 5).subscribe();
  w.clock.advance(100);
  t.equal(asked('r'), 5, 'of a room that it has no members in');
  t.equal(asked('nobody'), 0);
  t.same([here.holdings().counts, there.holdings().counts], [0, 1], 'and remembers nothing');
  here.members('r', 2).subscribe();
  w.clock.advance(2_000);
  t.equal(asked('r'), 5);
  let others: number | undefined;
  there.membersElsewhere('r').subscribe((count) => (others = count));
  w.clock.advance(1_500);
  t.equal(others, 2, 'its own number stays');
  w.redis.crash();
  w.clock.advance(100);
  t.equal(asked('r'), 5, 'without Redis what was known last');
  t.equal(asked('other'), undefined, 'or nothing');
});

t.test('the number of the others is told when it has changed, at a bounded rate', async (t) => {
  const w = world(2);
  const [here, there] = [podOf(w, 0), podOf(w, 1)];
  const heard = join(w, here, 'r');
  const counted = (): readonly number[] =>
    heard.events.flatMap((event) => (event._tag === 'Counted' ? [event.others] : []));
  w.clock.advance(1_000);
  here.broker.members('r', 1).subscribe();
  w.clock.advance(5_000);
  t.same(counted(), [], 'what has not changed is not told');
  there.broker.members('r', 5).subscribe();
  w.clock.advance(1_300);
  t.same(counted(), [5], 'though nothing happens on this pod');
  there.broker.members('r', 2).subscribe();
  w.clock.advance(1_500);
  t.same(counted(), [5, 2]);
  t.equal(heard.events[0]?._tag, 'Opened');
  here.broker.members('r', 0).subscribe();
  w.clock.advance(2_000);
  const before = here.bus.sent.get('members');
  w.clock.advance(10_000);
  t.equal(here.bus.sent.get('members'), before, 'nobody asks for a room without members');
});

t.test('however many rooms a pod has, it asks for 1,000 of them a second', async (t) => {
  const w = world(1);
  const { bus, broker } = podOf(w, 0);
  w.clock.advance(1_000);
  for (let i = 0; i < 5_000; i++) {
    broker.members(`r${i}`, 1).subscribe();
    if (i % 50 === 0) w.clock.advance(10);
  }
  w.clock.advance(12_000);
  const before = bus.sent.get('members') ?? 0;
  w.clock.advance(10_000);
  const asked = (bus.sent.get('members') ?? 0) - before;
  t.ok(asked >= 9_500 && asked <= 10_250, `${asked} in 10 s`);
});

type Step =
  | {
      readonly _tag: 'publish';
      readonly pod: number;
      readonly room: number;
      readonly times: number;
      readonly keyed: boolean;
    }
  | { readonly _tag: 'join' | 'leave' | 'rejoin'; readonly pod: number; readonly room: number }
  | { readonly _tag: 'cut' | 'hole' | 'drop' | 'slow'; readonly pod: number; readonly ms: number }
  | {
      readonly _tag: 'crash' | 'wipe' | 'freeze' | 'failover' | 'unseen' | 'refuse' | 'jump';
      readonly ms: number;
    }
  | { readonly _tag: 'wait'; readonly ms: number };

const pod = fc.nat(2);
const room = fc.nat(1);
/** Short waits meet what is under way, long ones what is over. */
const ms = fc.oneof(fc.nat(5), fc.nat(200), fc.nat(8_000));
const kinds = <K extends string>(...tags: readonly K[]): fc.Arbitrary<K> =>
  fc.constantFrom(...tags);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: kinds('publish'),
      pod,
      room,
      times: fc.integer({ min: 1, max: 5 }),
      keyed: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ _tag: kinds('join', 'leave', 'rejoin'), pod, room }) },
  { weight: 2, arbitrary: fc.record({ _tag: kinds('cut', 'hole', 'drop', 'slow'), pod, ms }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: kinds('crash', 'wipe', 'freeze', 'failover', 'unseen', 'refuse', 'jump'),
      ms,
    }),
  },
  { weight: 6, arbitrary: fc.record({ _tag: kinds('wait'), ms }) },
);

const run = (w: World, step: Step): void => {
  const { clock, redis } = w;
  const after = (ms: number, work: () => void): void => void clock.scheduler.schedule(work, ms);
  const leave = (at: Pod, room: Room): void =>
    at.listeners
      .find((each) => each.room === room && !each.subscription.closed)
      ?.subscription.unsubscribe();
  switch (step._tag) {
    case 'publish':
      for (let i = 0; i < step.times; i++)
        publish(w, podOf(w, step.pod), `r${step.room}`, step.keyed ? `k${count}` : undefined);
      return;
    case 'join':
      if (
        !podOf(w, step.pod).listeners.some(
          (each) => each.room === `r${step.room}` && !each.subscription.closed,
        )
      )
        join(w, podOf(w, step.pod), `r${step.room}`);
      return;
    case 'leave':
      return leave(podOf(w, step.pod), `r${step.room}`);
    case 'rejoin':
      join(w, podOf(w, step.pod), `r${step.room}`);
      return leave(podOf(w, step.pod), `r${step.room}`);
    case 'cut':
      return podOf(w, step.pod).bus.cut();
    case 'hole':
      podOf(w, step.pod).bus.blackHole(true);
      return after(step.ms, () => podOf(w, step.pod).bus.blackHole(false));
    case 'drop':
      return podOf(w, step.pod).bus.drop([
        channelOf('r0'),
        podChannel(`pod-${step.pod % w.pods.length}`),
      ]);
    case 'slow':
      podOf(w, step.pod).bus.slow(Math.max(2, step.ms / 4));
      return after(3_000, () => podOf(w, step.pod).bus.slow(2));
    case 'crash':
      redis.crash();
      return after(step.ms, redis.start);
    case 'wipe':
      return redis.wipe();
    case 'freeze':
      redis.freeze();
      return after(step.ms, redis.thaw);
    case 'failover':
      return redis.failover(step.ms % 7, true);
    case 'unseen':
      return redis.failover(step.ms % 3, false);
    case 'refuse':
      redis.refuse(step.ms % 2 === 0 ? 'ReadOnly' : 'OutOfMemory');
      return after(step.ms, () => redis.refuse(undefined));
    case 'jump':
      return redis.jump((step.ms - 4_000) * 100);
    case 'wait':
      return clock.advance(step.ms);
  }
};

t.test('any interleaving of publishes, joins, leaves and faults', async (t) => {
  t.setTimeout(0);
  const runs = Number(process.env['PODS_RUNS'] ?? 300);
  const seed = process.env['PODS_SEED'];
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), fc.nat(), (steps, seed) => {
      count = 0;
      const w = world(3, seed);
      for (const one of w.pods) join(w, one, 'r0');
      w.clock.advance(100);
      for (const one of steps) run(w, one);
      w.clock.advance(25_000);
      const living = w.pods.flatMap((one) =>
        one.listeners.filter(({ subscription }) => !subscription.closed),
      );
      for (const one of w.pods)
        if (statusOf(one) !== 'Up') throw new Error(`after the heal: ${statusOf(one)}`);
      const silent = living.filter((listener) => isSilentlyBehind(w, listener));
      const last = ['r0', 'r1'].map((room) => publish(w, podOf(w, 0), room));
      w.clock.advance(3_000);
      const faults = [
        ...faultsOf(w),
        ...silent.map(({ room }) => `behind in ${room}, and not told`),
      ];
      for (const sent of last) {
        if (scopeOf(sent) !== 'cluster') faults.push('after the heal: not on the cluster');
        for (const listener of living) {
          if (listener.room === sent.draft.room && !restsOf(listener).includes(sent.draft.rest))
            faults.push('after the heal: not heard');
        }
      }
      for (const { subscription } of living) subscription.unsubscribe();
      w.clock.advance(100);
      for (const [i, one] of w.pods.entries()) {
        const held = one.broker.holdings();
        if (held.channels !== 3 || held.rooms + held.queues + held.counts !== 0)
          faults.push(`pod ${i} holds ${JSON.stringify(held)}`);
        one.broker.close().subscribe();
      }
      if (w.redis.hears(channelOf('r0')) + w.redis.hears(channelOf('r1')) !== 0)
        faults.push('Redis still sends');
      w.clock.advance(10_000);
      if (w.clock.pending() !== 0) faults.push(`${w.clock.pending()} timers are left`);
      if (faults.length > 0) throw new Error(faults.join('\n'));
    }),
    { numRuns: runs, ...(seed === undefined ? { seed: 1 } : { seed: Number(seed) }) },
  );
  t.pass(`${runs} runs`);
});
