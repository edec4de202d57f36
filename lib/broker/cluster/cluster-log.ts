/** The logs of rooms for readers: a page, or an error, within `timeoutMs`. */
import { mapLeft } from 'fp-ts/lib/Either.js';
import { map } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Log, LogError } from '../../history/index.js';
import { drawTag, type Room } from '../../protocol/position.js';
import type { RedisError, RedisPort } from '../redis/port.js';
import { orTimeout } from './timeout.js';

/** `isOpen`: whether this pod has a channel of the room. */
export const clusterLog = (
  redis: RedisPort,
  { scheduler, random }: Clock,
  timeoutMs: number,
  isOpen: (room: Room) => boolean,
): Log => ({
  page: (room, from, most) => {
    // an open room has an epoch: when Redis has lost it, the first reader makes the next one
    const page$ = isOpen(room)
      ? redis.page(room, from, most, drawTag(random))
      : redis.peek(room, from, most);
    return page$.pipe(orTimeout(timeoutMs, scheduler), map(mapLeft(logErrorOf)));
  },
});

/** Errors that pass by themselves. */
const PASSING: ReadonlySet<RedisError['_tag']> = new Set([
  'Unreachable',
  'Loading',
  'Busy',
  'ReadOnly',
  'Late',
  // too few replicas, a replica without its master, or a Cluster that moves slots or has lost a master
  'Refused',
]);

const logErrorOf = ({ _tag, detail }: RedisError): LogError => ({
  _tag: PASSING.has(_tag) ? 'Unreachable' : 'Unreadable',
  detail,
});
