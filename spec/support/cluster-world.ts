/**
 * Several pods of the cluster broker on one model of Redis, in virtual time, and the faults in what they
 * emitted.
 */
import { type Either, isRight } from 'fp-ts/lib/Either.js';
import { isSome } from 'fp-ts/lib/Option.js';
import { type Subscription } from 'rxjs';
import { type ClusterBroker, clusterBroker } from '../../lib/broker/cluster/cluster-broker.js';
import {
  type BrokerEvent,
  type BrokerStatus,
  type ChannelEvent,
  type PublishError,
  type Receipt,
} from '../../lib/broker/index.js';
import { parseId, type Room } from '../../lib/protocol/position.js';
import { bodyOf, type Draft, draftOf } from '../../lib/protocol/publication.js';
import { keyIn } from './keys.js';
import { type ModelBus, modelBus } from './model-bus.js';
import { type ModelRedis } from './model-redis-port.js';
import { modelRedis } from './model-redis.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

/** One subscription of a pod to a room's channel, and all events that it got. */
interface Listener {
  readonly room: Room;
  readonly events: ChannelEvent[];
  readonly subscription: Subscription;
  /** How many messages of the fallback this pod had delivered when each event came. */
  readonly since: number;
}

interface Sent {
  readonly draft: Draft;
  readonly at: number;
  result: Either<PublishError, Receipt> | undefined;
}

export interface Pod {
  readonly bus: ModelBus;
  readonly broker: ClusterBroker;
  readonly listeners: Listener[];
  readonly sent: Sent[];
  /** In the order of the answers. */
  readonly answered: Sent[];
  readonly events: BrokerEvent[];
  readonly statuses: BrokerStatus[];
}

export interface World {
  readonly clock: VirtualClock;
  readonly redis: ModelRedis;
  readonly pods: readonly Pod[];
}

export const world = (pods: number, seed = 1): World => {
  const clock = virtualClock(seed);
  const redis = modelRedis(clock);
  return {
    clock,
    redis,
    pods: Array.from({ length: pods }, (_, i): Pod => {
      const serverId = `pod-${i}`;
      const bus = modelBus(redis, clock, serverId);
      const broker = clusterBroker({ redis: bus, clock, serverId, timeoutMs: 2_000 });
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

export const podOf = ({ pods }: World, i: number): Pod => {
  const pod = pods[i % pods.length];
  if (pod === undefined) throw new Error('a world without pods');
  return pod;
};

export const join = ({ clock }: World, pod: Pod, room: Room): Listener => {
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

/** How many drafts were made. Each draft has another number as its data. */
export let count = 0;
export const countFromZero = (): void => {
  count = 0;
};

export const draft = (room: Room, at: number, key?: string, text?: string): Draft => {
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

export const publish = (
  { clock }: World,
  pod: Pod,
  room: Room,
  key?: string,
  text?: string,
): Sent => {
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

export const scopeOf = ({ result }: Sent): string =>
  result === undefined ? 'waits' : isRight(result) ? result.right.scope : result.left._tag;

/** The JSON behind the id: a message, whatever id it has. */
export const restsOf = ({ events }: Listener): readonly string[] =>
  events.flatMap((event) =>
    event._tag === 'Published' ? [bodyOf(event.publication.payload)] : [],
  );

export const tagsOf = ({ events }: Listener): readonly string[] =>
  events.map((event) =>
    event._tag === 'Gap'
      ? `Gap ${event.reason}`
      : event._tag === 'Opened'
        ? `Opened ${event.scope}`
        : event._tag,
  );

export const statusOf = ({ statuses }: Pod): string | undefined => statuses.at(-1)?._tag;

/** The faults in the events that the pods got; empty: none. */
export const faultsOf = ({ pods, redis }: World): readonly string[] => {
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
        // a message of an epoch that has ended, still on its way: it is delivered unchanged
        const epochs = redis.epochs(listener.room);
        if (id.tag !== tag && epochs.lastIndexOf(id.tag) < epochs.lastIndexOf(tag)) continue;
        // the same holds for messages that Redis lost
        if (redis.lost.has(idText) && id.offset !== offset + 1) continue;
        if (id.tag === tag && id.offset === offset + 1) {
          offset = id.offset;
          gap = false;
        } else if (!gap) {
          // a message of the fallback that ran in Redis after all was delivered already: its offset passes
          // without an event
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

/**
 * Whether the log has messages that a listener did not get and for which it got no gap, though nothing is on
 * its way.
 */
export const isSilentlyBehind = ({ redis, pods }: World, { room, events }: Listener): boolean => {
  const pod = pods.find(({ listeners }) => listeners.some((each) => each.events === events));
  const onPod = new Set(
    pod?.sent.flatMap((sent) => (scopeOf(sent) === 'pod' ? [sent.draft.rest] : [])),
  );
  let position = { tag: -1, offset: -1 };
  for (const event of events) {
    if (event._tag === 'Opened' || event._tag === 'Gap') position = event.top;
    else if (event._tag === 'Published') {
      const { id } = event.publication;
      if (!id.outside && id.tag === position.tag && id.offset > position.offset) position = id;
    }
  }
  const top = redis.entries(room).at(-1);
  if (top === undefined) return false;
  const current = redis.epochs(room).at(-1) === position.tag;
  return redis
    .entries(room)
    .some(({ offset, rest }) => (!current || offset > position.offset) && !onPod.has(rest));
};

export const fail = (): never => {
  throw new Error('expected a value, got none');
};
