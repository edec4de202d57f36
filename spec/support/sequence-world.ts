/** The order of one channel at the position 1:5, and what it has delivered. */
import { right } from 'fp-ts/lib/Either.js';
import { type Delivered } from '../../lib/broker/cluster/channel-events.js';
import { type Sequence, sequence } from '../../lib/broker/cluster/sequence.js';
import { formatId } from '../../lib/protocol/position.js';
import { Publication } from '../../lib/protocol/publication.js';
import { topAt } from './channel-world.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

export interface SequenceWorld {
  readonly order: Sequence;
  readonly clock: VirtualClock;
  readonly delivered: Delivered[];
}

/** For one second, late messages may come. */
export const sequenceWorld = (
  echoOf: (publication: Publication) => string | undefined = () => undefined,
): SequenceWorld => {
  const clock = virtualClock();
  const delivered: Delivered[] = [];
  const order = sequence({
    room: 'r',
    start: topAt(9, 0),
    clock,
    lateMs: 1_000,
    echoOf,
    deliver: (event) => delivered.push(event),
    reissue: ({ type, frame }, id) =>
      right(new Publication(id, formatId(id), type, frame, undefined)),
    decodeFully: (publication) => publication,
    dropped: () => undefined,
  });
  order.beginAt(topAt(1, 5));
  return { order, clock, delivered };
};
