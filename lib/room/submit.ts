/** A publish goes to the broker, and the broker's answer to the sender. */
import type { Observable } from 'rxjs';
import type { Broker } from '../broker/index.js';
import { consume } from '../rx/consume.js';
import type { Publish } from './member-state.js';

/** The rest of the work; undefined when the broker has answered at once. */
export const submit = (
  broker: Pick<Broker, 'publish' | 'publishNow'>,
  { draft, reply }: Publish,
): Observable<never> | undefined => {
  const now = broker.publishNow?.(draft);
  // an exception of `reply` is an error of the room, and does not end the process
  if (now === undefined) return broker.publish(draft).pipe(consume(reply));
  reply(now);
  return undefined;
};

/** The publishes that waited, in their order. */
export const submitAll = (
  broker: Pick<Broker, 'publish' | 'publishNow'>,
  queued: readonly Publish[],
): readonly Observable<never>[] => queued.flatMap((publish) => submit(broker, publish) ?? []);
