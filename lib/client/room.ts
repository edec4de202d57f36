/**
 * A room as an application sees it. All its streams share one use of the room: the first subscription joins
 * it, and the room is left one second after the last one has ended.
 */
import {
  defer,
  EMPTY,
  filter,
  firstValueFrom,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  share,
  take,
} from 'rxjs';
import type { LeaveReason, GapReason } from '../protocol/system-event.js';
import { chatFrame, type Message } from './frames.js';
import type { ClientClock } from './options.js';
import type { Ack, Settled } from './outbox.js';
import { eachOf } from './iterate.js';
import { newRef } from './ref.js';
import { roomUses } from './room-use.js';
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

export const rooms = ({ run, clock, timeoutMs }: RoomsDeps) => {
  const { state$, effect$, dispatch } = run;
  const use = roomUses(run, clock.scheduler);
  const settled$ = effect$.pipe(
    mergeMap((effect) => (effect._tag === 'Settle' ? [effect.settled] : [])),
    share(),
  );

  return <T>(name: string, { after, decode }: RoomOptions<T>): Room<T> => {
    const event$ = defer(() => use(name, after));
    const only = <K extends RoomEvent['_tag']>(tag: K) =>
      event$.pipe(
        filter((event): event is Extract<RoomEvent, { readonly _tag: K }> => event._tag === tag),
      );
    const decoded$ = only('Message').pipe(map(({ message }) => decodedBy(decode, message)));
    const state = () => state$.value.rooms.get(name);

    const message$ = decoded$.pipe(
      mergeMap((one) => (one._tag === 'Decoded' ? [one.message] : [])),
    );

    return {
      name,
      message$,
      gap$: only('Gap').pipe(map(({ reason, id }) => ({ reason, id }))),
      presence$: only('Presence').pipe(map(({ message }) => message)),
      members$: only('Joined').pipe(map(({ members }) => members)),
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
        const own$ = settled$.pipe(filter((one) => one.ref === ref));
        const published$ = defer(() => {
          dispatch({ _tag: 'Publish', ref, room: name, text, timeoutMs });
          return EMPTY;
        });
        // the room is used until the answer is there
        const answer$ = merge(own$, event$.pipe(ignoreElements()), published$).pipe(take(1));
        return ackOf(await firstValueFrom(answer$));
      },
      setPresence: (status) => dispatch({ _tag: 'Presence', room: name, status }),
      [Symbol.asyncIterator]: () => eachOf(message$),
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
  if (decode === undefined && isUnchecked<T>(message)) return { _tag: 'Decoded', message };
  try {
    const data = decode?.(message.data);
    return data === undefined
      ? { _tag: 'Undecoded', message, error: new TypeError('decode returned undefined') }
      : { _tag: 'Decoded', message: { ...message, data } };
  } catch (error) {
    return { _tag: 'Undecoded', message, error };
  }
};

/** Without `decode` the application vouches for the type of the data. */
const isUnchecked = <T>(message: Message): message is Message<T> => message.id !== '';
