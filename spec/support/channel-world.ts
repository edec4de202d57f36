/** One ordered channel of a pod in virtual time, over a log whose answers the spec gives. */
import { left, map as mapRight, right } from 'fp-ts/lib/Either.js';
import { map, Observable, of, Subject } from 'rxjs';
import { type RawEvent } from '../../lib/broker/cluster/channel-events.js';
import { orderedChannel } from '../../lib/broker/cluster/ordered-channel.js';
import { orTimeout } from '../../lib/broker/cluster/timeout.js';
import { type ChannelEvent } from '../../lib/broker/index.js';
import { type RedisError, type RedisReply } from '../../lib/broker/redis/port.js';
import { type Page } from '../../lib/history/page.js';
import { frameAround } from '../../lib/protocol/frame.js';
import { formatId, type LogPosition, type MessageId } from '../../lib/protocol/position.js';
import { Publication } from '../../lib/protocol/publication.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

export const FRESH = 999;

/** The message at `tag:offset`. `nonce` makes two different messages of one position. */
export const at = (
  tag: number,
  offset: number,
  { nonce = 0, ms = offset, outside = false, bytes = 10 } = {},
): Publication => {
  const id: MessageId = { tag, offset, ms, global: false, outside, nonce };
  const type = outside ? 'presence' : 'chat';
  return new Publication(id, formatId(id), type, frameAround(Buffer.alloc(bytes)), undefined);
};

export const topAt = (
  tag: number,
  offset: number,
  of: { readonly nonce?: number; readonly ms?: number } = {},
): LogPosition => {
  const { id, idText } = at(tag, offset, of);
  return { tag, offset, ms: offset === 0 ? 0 : id.ms, id: offset === 0 ? null : idText };
};

export const refused = (_tag: RedisError['_tag']): RedisReply<LogPosition> =>
  of(left({ _tag, detail: 'refused' }));

interface Bench {
  readonly clock: VirtualClock;
  readonly events: string[];
  readonly settled: boolean[];
  /** How often the log was read, and how often it was asked for its position. */
  reads: number;
  asks: number;
  /** Whether the message is of this pod and its script has not answered yet. */
  underWay: (publication: Publication) => boolean;
  /** The message when all of it is decoded; undefined: it is not valid. */
  whole: (publication: Publication) => Publication | undefined;
  renewals: number;
  /** The position of the log, and its messages: none, unless `first` is the first offset that it has. */
  top$: RedisReply<LogPosition>;
  first: number;
  entry: (top: LogPosition, offset: number) => Publication;
  renewed$: RedisReply<LogPosition>;
  /** The messages are pushed, whatever the log has. */
  receive(...publications: readonly Publication[]): void;
  /** The script appends the messages: the log has their position, and each is pushed. */
  publish(...publications: readonly Publication[]): void;
  /** A message of the fallback: it reaches this pod only. */
  publishOnPod(publication: Publication): void;
  push(event: RawEvent): void;
  close(): void;
}

export const name = ({ id }: Publication): string =>
  `${id.tag}:${id.offset}${id.outside ? ' outside' : ''}${id.nonce === 0 ? '' : `#${id.nonce}`}`;

/** The id that a message had before it was reissued. */
const retold = new Map<string, MessageId>();

const publicationText = (publication: Publication, top: LogPosition): string => {
  const own = retold.get(publication.idText);
  if (own === undefined) return name(publication);
  // at the channel's position, whatever position its id had
  const { tag, offset, ms, outside } = publication.id;
  const isHere = outside && tag === top.tag && offset === top.offset && ms === top.ms;
  const was = name(new Publication(own, formatId(own), '', publication.frame, undefined));
  return `${isHere ? '' : 'elsewhere '}${publication.except === undefined ? '' : 'foreign '}${was}`;
};

const eventText = (event: ChannelEvent): string => {
  switch (event._tag) {
    case 'Published':
      return publicationText(event.publication, event.top);
    case 'Echoed':
      return `Echoed ${name(event.publication)}`;
    case 'Failed':
      return 'Failed';
    case 'Opened':
      return `Opened ${event.top.tag}:${event.top.offset} ${event.scope}`;
    case 'Counted':
      return `Counted ${event.others}`;
    case 'Gap':
      return `Gap ${event.reason} ${event.top.tag}:${event.top.offset}`;
  }
};

export const bench = (echo: (publication: Publication) => boolean = () => false): Bench => {
  const clock = virtualClock();
  const raw$ = new Subject<RawEvent>();
  const events: string[] = [];
  const settled: boolean[] = [];
  const self: Bench = {
    clock,
    events,
    settled,
    reads: 0,
    asks: 0,
    underWay: () => false,
    whole: (publication) => publication,
    renewals: 0,
    top$: of(right(topAt(1, 5))),
    first: Number.POSITIVE_INFINITY,
    entry: ({ tag }, offset) => at(tag, offset),
    renewed$: of(right(topAt(FRESH, 0))),
    receive: (...publications) => {
      for (const publication of publications) raw$.next({ _tag: 'Received', publication });
    },
    publish: (...publications) => {
      for (const publication of publications) {
        const { id, idText } = publication;
        if (!id.outside)
          self.top$ = of(right({ tag: id.tag, offset: id.offset, ms: id.ms, id: idText }));
        raw$.next({ _tag: 'Received', publication });
      }
    },
    publishOnPod: (publication) => raw$.next({ _tag: 'LocalOnly', publication }),
    push: (event) => raw$.next(event),
    close: () => running.unsubscribe(),
  };
  const running = raw$
    .pipe(
      orderedChannel({
        room: 'r',
        clock,
        page: (from, most) => {
          self.reads += 1;
          return self.top$.pipe(
            map(
              mapRight((top): Page => {
                const first = Math.min(self.first, top.offset + 1);
                const begin = Math.max(from, first, 1);
                const length = Math.max(0, Math.min(most, top.offset + 1 - begin));
                const entries = Array.from({ length }, (_, i) => self.entry(top, begin + i));
                return { top, first, entries };
              }),
            ),
          );
        },
        position: () => {
          self.asks += 1;
          return self.top$.pipe(orTimeout(4_000, clock.scheduler));
        },
        isUnderWay: (publication) => self.underWay(publication),
        reissue: ({ id: own, type, frame }, id, isForeign) => {
          retold.set(formatId(id), own);
          return right(
            new Publication(id, undefined, type, frame, isForeign ? 'foreign' : undefined),
          );
        },
        dropped: () => undefined,
        renew: () => {
          self.renewals += 1;
          return self.renewed$;
        },
        echoOf: (publication) => (echo(publication) ? publication.idText : undefined),
        synced: (yes) => settled.push(yes),
        podPosition: () => ({ tag: 77, offset: 0, ms: 0, id: null }),
        decodeFully: (publication) => self.whole(publication),
        timeoutMs: 2_000,
        readEveryMs: 60_000,
      }),
    )
    .subscribe((event) => events.push(eventText(event)));
  return self;
};

/** Opened at 1:5. The time is over in which earlier messages may still be on their way. */
export const open = (echo?: (publication: Publication) => boolean): Bench => {
  const b = bench(echo);
  b.push({ _tag: 'Subscribed' });
  b.clock.advance(3_000);
  b.events.length = 0;
  b.reads = 0;
  b.asks = 0;
  return b;
};

/** An answer that the spec gives when it wants to. */
export const byHand = (): {
  readonly answer$: RedisReply<LogPosition>;
  readonly give: (top: LogPosition) => void;
} => {
  const answer$ = new Subject<ReturnType<typeof right<never, LogPosition>>>();
  return {
    answer$: new Observable((out) => answer$.subscribe(out)),
    give: (top) => answer$.next(right(top)),
  };
};

// with a log

export const logged = (echo?: (publication: Publication) => boolean): Bench => {
  const b = open(echo);
  b.first = 1;
  return b;
};
