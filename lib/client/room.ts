/**
 * A room as an application sees it. All its streams share one use of the room: the first subscription joins
 * it, and the room is left one second after the last one has ended.
 */
import {
  defer,
  filter,
  firstValueFrom,
  map,
  merge,
  mergeMap,
  Observable,
  share,
  take,
  takeUntil,
  timer,
} from 'rxjs';
import type { LeaveReason, GapReason } from '../protocol/system-event.js';
import { chatFrame, type Message } from './frames.js';
import type { ClientClock } from './options.js';
import type { Ack, Settled } from './outbox.js';
import { newRef } from './ref.js';
import type { RoomEvent } from './room-event.js';
import type { Runner } from './runner.js';

export interface RoomOptions<T> {
  /** An id of an earlier visit: the room goes on from it. */
  readonly after?: string | undefined;
  /** Returns the data in the application's form; throws when it does not fit: then it is an event. */
  readonly decode?: ((data: unknown) => T) | undefined;
}

/** Messages may have been missed, and are not in the log any more. */
export interface Gap {
  readonly reason: GapReason;
  readonly id: string;
}

export type RoomNotice =
  | { readonly _tag: 'Joined'; readonly recovered: number; readonly isPodOnly: boolean }
  | { readonly _tag: 'Left'; readonly reason: LeaveReason }
  | { readonly _tag: 'Refused'; readonly code: string; readonly text: string }
  /** The data of a message did not fit. */
  | { readonly _tag: 'Undecoded'; readonly message: Message; readonly error: unknown };

export interface Room<T = unknown> extends AsyncIterable<Message<T>> {
  readonly name: string;
  /** Chats, notifications and the application's events: in order, each once, own ones too. Not replayed. */
  readonly message$: Observable<Message<T>>;
  /** Comes before the next message. */
  readonly gap$: Observable<Gap>;
  readonly presence$: Observable<Message>;
  /** The number of connections in the room; replays the last one. */
  readonly members$: Observable<number>;
  /** The id to go on from at a later visit (`after`); replays the last one. */
  readonly position$: Observable<string>;
  readonly event$: Observable<RoomNotice>;
  /**
   * Settles exactly once, over any number of connections. Rejects with `PublishError`; a code of the server,
   * or `queue_full`, `timeout`, `closed`.
   */
  publish(data: T): Promise<Ack>;
  /** Shown to the members, and again after each join. */
  setPresence(status: 'online' | 'away'): void;
  [Symbol.asyncIterator](): AsyncIterator<Message<T>>;
}

export class PublishError extends Error {
  override readonly name = 'PublishError';

  constructor(
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

export interface RoomsDeps {
  readonly run: Runner;
  readonly clock: ClientClock;
  readonly timeoutMs: number;
}

/** A page that mounts twice joins once. */
const LINGER_MS = 1_000;

export const rooms = ({ run, clock, timeoutMs }: RoomsDeps) => {
  const { state$, effect$, dispatch } = run;
  const closed$ = state$.pipe(filter(({ link }) => link.phase._tag === 'Closed'));
  const settled$ = effect$.pipe(
    mergeMap((effect) => (effect._tag === 'Settle' ? [effect.settled] : [])),
    share(),
  );
  const uses = new Map<string, Observable<RoomEvent>>();

  /** The events of a room, shared by all who use it. */
  const use = (name: string, after: string | undefined): Observable<RoomEvent> => {
    const known = uses.get(name);
    if (known !== undefined) return known;
    const event$ = new Observable<RoomEvent>((out) => {
      out.add(
        effect$
          .pipe(
            mergeMap((effect) =>
              effect._tag === 'Emit' && effect.room === name ? [effect.event] : [],
            ),
            takeUntil(closed$),
          )
          .subscribe(out),
      );
      dispatch({ _tag: 'Used', room: name, after });
      out.add(() => {
        uses.delete(name);
        dispatch({ _tag: 'Unused', room: name });
      });
    }).pipe(share({ resetOnRefCountZero: () => timer(LINGER_MS, clock.scheduler) }));
    uses.set(name, event$);
    return event$;
  };

  return <T>(name: string, { after, decode }: RoomOptions<T>): Room<T> => {
    const event$ = defer(() => use(name, after));
    const of$ = <K extends RoomEvent['_tag']>(tag: K) =>
      event$.pipe(
        filter((event): event is Extract<RoomEvent, { readonly _tag: K }> => event._tag === tag),
      );
    const decoded$ = of$('Message').pipe(map(({ message }) => decodedBy(decode, message)));
    const state = () => state$.value.rooms.get(name);

    return {
      name,
      message$: decoded$.pipe(mergeMap((one) => (one._tag === 'Decoded' ? [one.message] : []))),
      gap$: of$('Gap').pipe(map(({ reason, id }) => ({ reason, id }))),
      presence$: of$('Presence').pipe(map(({ message }) => message)),
      members$: of$('Joined').pipe(map(({ members }) => members)),
      position$: event$.pipe(
        mergeMap(() => {
          const id = state()?.lastId;
          return id === undefined ? [] : [id];
        }),
      ),
      event$: merge(
        decoded$.pipe(mergeMap((one) => (one._tag === 'Undecoded' ? [one] : []))),
        event$.pipe(mergeMap(noticeOf)),
      ),
      publish: async (data) => {
        const ref = newRef(clock.random);
        const text = chatFrame(ref, name, data);
        const using = event$.subscribe();
        const answer = firstValueFrom(
          settled$.pipe(
            filter((one) => one.ref === ref),
            take(1),
          ),
        );
        dispatch({ _tag: 'Publish', ref, room: name, text, timeoutMs });
        return answer.then(ackOf).finally(() => using.unsubscribe());
      },
      setPresence: (status) => dispatch({ _tag: 'Presence', room: name, status }),
      [Symbol.asyncIterator]: () => {
        throw new Error('not yet');
      },
    };
  };
};

const ackOf = ({ result }: Settled): Ack => {
  if (result._tag === 'Acked') return result.ack;
  throw new PublishError(result.code, result.text);
};

const noticeOf = (event: RoomEvent): readonly RoomNotice[] => {
  switch (event._tag) {
    case 'Joined':
      return [{ _tag: 'Joined', recovered: event.recovered, isPodOnly: event.isPodOnly }];
    case 'Left':
    case 'Refused':
      return [event];
    default:
      return [];
  }
};

type Decoded<T> =
  | { readonly _tag: 'Decoded'; readonly message: Message<T> }
  | Extract<RoomNotice, { readonly _tag: 'Undecoded' }>;

const decodedBy = <T>(decode: ((data: unknown) => T) | undefined, message: Message): Decoded<T> => {
  if (decode === undefined) return { _tag: 'Decoded', message: message as Message<T> };
  try {
    return { _tag: 'Decoded', message: { ...message, data: decode(message.data) } };
  } catch (error) {
    return { _tag: 'Undecoded', message, error };
  }
};
