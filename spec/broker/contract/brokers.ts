/** The brokers of a cluster that run the contract, and what their subscribers got. */
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { type Subscription } from 'rxjs';
import {
  type Broker,
  type ChannelEvent,
  type PublishError,
  type Receipt,
} from '../../../lib/broker/index.js';
import { type Room } from '../../../lib/protocol/position.js';
import { type Draft, type DraftFields, draftOf } from '../../../lib/protocol/publication.js';
import { type VirtualClock } from '../../support/virtual-clock.js';

/** Brokers of one cluster, in a time of their own. */
export interface Cluster {
  readonly clock: VirtualClock;
  readonly brokers: readonly Broker[];
  /** Nothing that was asked is still under way after so long. */
  readonly settleMs: number;
  /** What carries a pod's messages breaks, and comes back by itself; absent where nothing does. */
  readonly breakOff?: (pod: number) => void;
  /** What the brokers keep for rooms at this moment: 0 when no room is used. */
  readonly retained: () => number;
}

export interface Listener {
  readonly events: ChannelEvent[];
  readonly subscription: Subscription;
}

type Result = Either<PublishError, Receipt>;

export interface Sent {
  readonly draft: Draft;
  readonly results: Result[];
  completed: boolean;
}

type Published = Extract<ChannelEvent, { readonly _tag: 'Published' }>;

type Opened = Extract<ChannelEvent, { readonly _tag: 'Opened' }>;

export const publishedIn = ({ events }: Listener): readonly Published[] =>
  events.filter((event) => event._tag === 'Published');

export const idsIn = (listener: Listener): readonly string[] =>
  publishedIn(listener).map(({ publication }) => publication.idText);

export const openedIn = ({ events }: Listener): Opened => {
  const [first] = events;
  if (first?._tag !== 'Opened') throw new Error('expected Opened first, got something else');
  return first;
};

export const receiptOf = ({ results }: Sent): Receipt => {
  const [result] = results;
  if (result === undefined || isLeft(result)) throw new Error('expected a receipt, got none');
  return result.right;
};

export const brokersOf = (made: Cluster) => {
  const { clock, brokers, settleMs } = made;
  const brokerAt = (i: number): Broker => {
    const broker = brokers[i % brokers.length];
    if (broker === undefined) throw new Error('a cluster without pods');
    return broker;
  };
  const answered: Sent[] = [];
  let published = 0;
  return {
    ...made,
    answered,
    brokerAt,
    settle: () => clock.advance(settleMs),
    listen: (room: Room, pod = 0): Listener => {
      const events: ChannelEvent[] = [];
      return {
        events,
        subscription: brokerAt(pod)
          .channel(room)
          .subscribe((event) => events.push(event)),
      };
    },
    publish: (fields: Partial<DraftFields> & { readonly room: Room }, pod = 0): Sent => {
      published += 1;
      const draft = draftOf({
        type: 'chat',
        from: 'alice',
        data: `said ${published}`,
        at: clock.wall(),
        ...fields,
      });
      if (isLeft(draft)) throw new Error(draft.left.text);
      const sent: Sent = { draft: draft.right, results: [], completed: false };
      brokerAt(pod)
        .publish(draft.right)
        .subscribe({
          next: (result) => {
            sent.results.push(result);
            answered.push(sent);
          },
          complete: () => {
            sent.completed = true;
          },
        });
      return sent;
    },
  };
};

export const fail = (): never => {
  throw new Error('expected a value, got none');
};
