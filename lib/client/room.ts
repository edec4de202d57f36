/**
 * A room as an application sees it. All its streams share one use of the room: the first subscription joins
 * it, and it is left one second after the last subscription has ended. So a component that is mounted twice
 * joins once.
 *
 * Source: it dispatches the begin and the end of each use to the client's state machine.
 */
import {
  defer,
  distinctUntilChanged,
  filter,
  firstValueFrom,
  map,
  merge,
  Observable,
  observable,
  share,
  timer,
} from './rx.js';
import type { GapReason } from '../protocol/system-event.js';
import { chatFrame, has, type Message, type Presence } from './frames.js';
import { eachOf } from './iterate.js';
import type { ClientClock, ConnectOptions } from './options.js';
import { published } from './outbox.js';
import { presence, unuse, use } from './rooms.js';
import { newRef } from './ref.js';
import type { Runner } from './runner.js';
import type { Ack, RoomState, RoomEvent } from './state.js';

export interface RoomOptions<T> {
  /** An id of an earlier visit: the room goes on from it. */
  readonly after?: string | undefined;
  /**
   * Returns the data in the application's form. When it throws, the message is an event `Undecoded`; a page
   * of `history` leaves the message out.
   */
  readonly decode?: ((data: unknown) => T) | undefined;
}

/** Messages may have been missed, and the log cannot supply them. */
export interface Gap {
  readonly reason: GapReason;
  readonly id: string;
}

/** What happens in a room, except its messages. */
export type RoomNotice =
  | Exclude<RoomEvent, { readonly _tag: 'Message' }>
  /** `decode` threw this error for the data of the message. */
  | { readonly _tag: 'Undecoded'; readonly message: Message; readonly error: unknown };

/** A part of a room's past, the oldest message first. */
export interface Page<T> {
  readonly messages: readonly Message<T>[];
  /** Pass it as `before` to get the page before this one; null: there is none. */
  readonly next: string | null;
}

/** A room is also a stream of its messages: for `from(room)` of Observable libraries, and for `for await`. */
export interface Room<T = unknown> extends AsyncIterable<Message<T>> {
  readonly name: string;
  /** Chats, notifications and the application's events: in order, each once, own ones too. Not replayed. */
  readonly message$: Observable<Message<T>>;
  /** A gap comes before the first message after the hole. */
  readonly gap$: Observable<Gap>;
  /** Joins and leaves of other connections, and what members say of themselves. */
  readonly presence$: Observable<Presence>;
  /** How many connections were in the room at the last `joined`; replays the last number. */
  readonly members$: Observable<number>;
  /** The id to go on from at a later visit (`after`); replays the last one. */
  readonly position$: Observable<string>;
  readonly event$: Observable<RoomNotice>;
  /**
   * The promise settles exactly once, over any number of connections. It rejects with a `ChatError` (a code
   * of the server, or `queue_full`, `timeout`, `closed`), and with a TypeError for data of which JSON makes
   * no text, such as undefined or a function.
   */
  publish(data: T): Promise<Ack>;
  /**
   * The room's past over HTTP: the newest messages, or those before an id. When the server refuses, the
   * promise rejects with a `ChatError`, whose `code` is the HTTP status. When the request for a token
   * fails, or `fetch`, the promise rejects with that error. The global log has no such past.
   */
  history(range?: { readonly before?: string; readonly limit?: number }): Promise<Page<T>>;
  /** Shown to the members, and again after each join. */
  setPresence(status: 'online' | 'away'): void;
}

export class ChatError extends Error {
  override readonly name = 'ChatError';

  constructor(
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

const LINGER_MS = 1_000;
const PUBLISH_TIMEOUT_MS = 60_000;

export const rooms = (
  { state$, on, dispatch }: Runner,
  token$: Observable<string>,
  {
    url,
    fetch = globalThis.fetch,
    publishTimeoutMs: timeoutMs = PUBLISH_TIMEOUT_MS,
  }: ConnectOptions,
  { scheduler, random }: ClientClock,
) => {
  // the endpoint of WebSockets is beside those of HTTP
  const base = url.replace(/^ws/, 'http').replace(/\/ws\/?(\?.*)?$/, '');
  const uses = new Map<string, Observable<RoomEvent>>();
  /** Who takes the messages of which room. */
  const takers = new Map<object, string>();

  const begin = (name: string, after: string | undefined): Observable<RoomEvent> => {
    const used$ = new Observable<RoomEvent>((out) => {
      out.add(on('Emit', name).subscribe(out));
      out.add(() => {
        uses.delete(name);
        dispatch(unuse(name));
      });
      dispatch(use(name, after));
    });
    return used$.pipe(share({ resetOnRefCountZero: () => timer(LINGER_MS, scheduler) }));
  };

  return <T>(name: string, { after, decode }: RoomOptions<T>): Room<T> => {
    const event$ = defer(() => {
      const used$ = uses.get(name) ?? begin(name, after);
      uses.set(name, used$);
      return used$;
    });
    /** The use of the room, and none of its events. */
    const use$ = event$.pipe(filter((_): _ is never => false));
    const decoded = decodedBy(decode);
    const decoded$ = event$.pipe(map(decoded));
    const only = <K extends Decoded<T>['_tag']>(tag: K) =>
      decoded$.pipe(
        filter((event): event is Extract<Decoded<T>, { readonly _tag: K }> => event._tag === tag),
      );
    /** What the state knows of the room, while the room is used. */
    const latest = <A>(pick: (room?: RoomState) => A | undefined): Observable<A> =>
      merge(
        use$,
        state$.pipe(
          map(({ rooms: known }) => pick(known.get(name))),
          filter((value) => value !== undefined),
          distinctUntilChanged(),
        ),
      );
    const message$ = new Observable<Message<T>>((out) => {
      // nobody else takes the messages: what came after `after` is replayed. Two inputs: the first one leaves
      // the room, the second one joins it from `after`
      if (after && ![...takers.values()].includes(name)) {
        dispatch(unuse(name, after, 0));
        dispatch(use(name, after, 0));
      }
      takers.set(out, name);
      out.add(() => takers.delete(out));
      out.add(
        only('Message')
          .pipe(map(({ message }) => message))
          .subscribe(out),
      );
    });

    return {
      name,
      message$,
      gap$: only('Gap'),
      presence$: only('Presence').pipe(map(({ message }) => message)),
      members$: latest((room) => room?.members),
      position$: latest((room) => room?.lastId),
      event$: decoded$.pipe(filter((event): event is RoomNotice => event._tag !== 'Message')),
      publish: async (data) => {
        const ref = newRef(random);
        const text = chatFrame(ref, name, data);
        const result = await firstValueFrom(
          merge(
            on('Settle', ref),
            // the room is used until the answer is there
            use$,
            defer(() => {
              dispatch(published(ref, name, text, timeoutMs));
              return [];
            }),
          ),
          { defaultValue: { code: 'closed', message: 'the client is closed' } },
        );
        if ('duplicate' in result) return result;
        throw new ChatError(result.code, result.message);
      },
      history: async ({ before, limit = 100 } = {}) => {
        const token = await firstValueFrom(token$);
        const from = before ? `&before=${before}` : '';
        const answer = await fetch(
          `${base}/rooms/${encodeURIComponent(name)}/messages?limit=${limit}${from}`,
          { headers: token ? { Authorization: `Bearer ${token}` } : {} },
        );
        const body = await answer.json().catch(() => undefined);
        if (!has<Page<unknown>>(body, 'messages')) {
          const why = has<Problem>(body, 'detail') ? `: ${body.detail}` : '';
          throw new ChatError(`${answer.status}`, `HTTP ${answer.status}${why}`);
        }
        const { messages, next } = body;
        return {
          messages: messages.flatMap((message) => {
            const one = decoded({ _tag: 'Message', message });
            return one._tag === 'Message' ? [one.message] : [];
          }),
          next,
        };
      },
      setPresence: (status) => dispatch(presence(name, status)),
      [observable]: () => message$,
      [Symbol.asyncIterator]: () => eachOf(message$),
    };
  };
};

interface Problem {
  readonly detail: string;
}

type Decoded<T> = RoomNotice | { readonly _tag: 'Message'; readonly message: Message<T> };

const decodedBy =
  <T>(decode: (data: unknown) => T = asIs) =>
  (event: RoomEvent): Decoded<T> => {
    if (event._tag !== 'Message') return event;
    const { message } = event;
    try {
      return { _tag: 'Message', message: { ...message, data: decode(message.data) } };
    } catch (error) {
      return { _tag: 'Undecoded', message, error };
    }
  };

/** Without `decode` nothing checks that the data has the type T: the application has to know it. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- as the comment says
const asIs = (data: unknown): never => data as never;
