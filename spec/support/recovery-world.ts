/** A hub over a slow log, and a short form of what a client got of its recovery. */
import { delay, tap } from 'rxjs';
import type { Broker } from '../../lib/broker/index.js';
import { localBroker } from '../../lib/broker/local.js';
import { type HubWorld, hubWorld } from './hub-world.js';
import type { Peer } from './peer.js';
import type { VirtualClock } from './virtual-clock.js';

export interface Reads {
  count: number;
}

/** The local broker with a slow log. */
export const slowLog =
  (reads: Reads, logMessages = 1_000, channelMs = 0) =>
  (clock: VirtualClock): Broker => {
    const broker = localBroker({ clock, positionTtlMs: 86_400_000, logMessages });
    return {
      ...broker,
      // as with many pods: the log may have messages that the channel has not received yet
      channel: (room) => broker.channel(room).pipe(delay(channelMs, clock.scheduler)),
      log: {
        page: (...asked) =>
          broker.log.page(...asked).pipe(
            tap(() => {
              reads.count += 1;
            }),
            delay(3, clock.scheduler),
          ),
      },
    };
  };

export const world = (logMessages?: number, reads: Reads = { count: 0 }): HubWorld =>
  hubWorld({ broker: slowLog(reads, logMessages) });

/** What a client got of a room and of its recovery, in short. */
export const story = (peer: Peer, room: string): readonly string[] =>
  peer.received().flatMap(({ type, data, room: of }) => {
    if (type === 'chat') return (of ?? '') === room ? [String(data)] : [];
    const { event, reason, recovered, room: about } = data as Record<string, unknown>;
    if (type !== 'system' || (about ?? '') !== room) return [];
    if (event === 'gap') return [`gap ${String(reason)}`];
    return event === 'joined' ? [`joined ${String(recovered)}`] : [];
  });

export const numbers = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

export const publish = ({ clock }: HubWorld, peer: Peer, from: number, to: number): void => {
  for (let i = from; i <= to; i++) {
    peer.chat('r', i);
    if (i % 50 === 0) clock.advance(10);
  }
  clock.advance(10);
};

/** The id of a message that the peer received. */
export const chatId = (peer: Peer, data: unknown): string =>
  peer.chats('r').find((one) => one.data === data)?.id ?? 'none';
