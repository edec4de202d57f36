/** The types of the client in the code of an application: this spec passes when it compiles. */
import { expectTypeOf } from 'expect-type';
import { useEffect } from 'react';
import { from, type Observable } from 'rxjs';
import t from 'tap';
import {
  type Ack,
  type Chat,
  type ChatError,
  connect,
  type Gap,
  type Message,
  type Page,
  type Presence,
  type Room,
  type RoomNotice,
  type Status,
} from '../../lib/client/index.js';

interface Line {
  readonly text: string;
}

// never called: only its types matter
const application = (chat: Chat): void => {
  const room = chat.room<Line>('general');
  expectTypeOf(room).toEqualTypeOf<Room<Line>>();
  expectTypeOf(room.message$).toEqualTypeOf<Observable<Message<Line>>>();
  expectTypeOf(room.publish).parameters.toEqualTypeOf<[Line]>();
  expectTypeOf(room.publish).returns.resolves.toEqualTypeOf<Ack>();
  expectTypeOf(room.history).returns.resolves.toEqualTypeOf<Page<Line>>();
  expectTypeOf(room.members$).toEqualTypeOf<Observable<number>>();
  expectTypeOf(chat.status$).toEqualTypeOf<Observable<Status>>();
  // @ts-expect-error -- a payload of another type
  void room.publish({ line: 'hi' });
  // the type follows from the decoder
  const decoded = chat.room('general', (data) => Number(data));
  expectTypeOf(decoded).toEqualTypeOf<Room<number>>();
  expectTypeOf(chat.room('general')).toEqualTypeOf<Room>();
  expectTypeOf(chat.global).toEqualTypeOf<Room>();
  // @ts-expect-error -- a status that there is not
  room.setPresence('busy');
  // @ts-expect-error -- an option that there is not
  connect({ url: 'ws://server', reconnect: true });
  // @ts-expect-error -- the address is missing
  connect({});
  connect({ url: 'ws://server', WebSocket: globalThis.WebSocket });
  // what is forgotten is no function: it must be called on a subscription
  expectTypeOf(room.message$.subscribe()).toHaveProperty('unsubscribe');
  chat.status$.subscribe((status) => {
    if (status._tag === 'Live') expectTypeOf(status.connectionId).toEqualTypeOf<string>();
    if (status._tag === 'Waiting') expectTypeOf(status.retryAt).toEqualTypeOf<number>();
    // @ts-expect-error -- not in every status
    expectTypeOf(status.connectionId);
  });
};

/** A room's data has the application's type, in and out. */
const payloads = (chat: Chat): void => {
  const room = chat.room<Line>('general');
  room.message$.subscribe(({ data, from: sender, id }) => {
    expectTypeOf(data).toEqualTypeOf<Line>();
    expectTypeOf([sender, id]).toEqualTypeOf<string[]>();
    // @ts-expect-error -- a field that the data has not
    expectTypeOf(data.line);
  });
  expectTypeOf(from(room)).toEqualTypeOf<Observable<Message<Line>>>();
  expectTypeOf(room[Symbol.asyncIterator]().next).returns.resolves.toEqualTypeOf<
    IteratorResult<Message<Line>>
  >();
  // without a type nobody knows what comes
  chat.room('general').message$.subscribe(({ data }) => {
    expectTypeOf(data).toBeUnknown();
  });
  // @ts-expect-error -- the decoder returns another type
  chat.room<Line>('general', (data) => Number(data));
  expectTypeOf(chat.room('general', { decode: String })).toEqualTypeOf<Room<string>>();
  // @ts-expect-error -- nothing to publish
  void room.publish();
  // @ts-expect-error -- the ack comes later
  expectTypeOf(room.publish({ text: 'hi' }).duplicate);
  expectTypeOf<Ack['scope']>().toEqualTypeOf<'pod' | undefined>();
  // @ts-expect-error -- a stream is not for the application to set
  room.message$ = room.message$;
};

/** An option is one of the list, and of its type. */
const options = (chat: Chat): void => {
  // @ts-expect-error -- a token that cannot be asked for again
  connect({ url: 'ws://server', token: 'text' });
  // @ts-expect-error -- no token
  connect({ url: 'ws://server', token: () => 7 });
  connect({ url: 'ws://server', token: () => Promise.resolve('token') });
  // @ts-expect-error -- the time has its unit in the name
  connect({ url: 'ws://server', publishTimeout: 1 });
  // @ts-expect-error -- an option that a room has not
  chat.room('general', { from: 'id' });
  // @ts-expect-error -- a range that history has not
  void chat.room('general').history({ after: 'id' });
  // @ts-expect-error -- a number
  void chat.room('general').history({ limit: '10' });
};

/** All that may happen has a tag, and no other tag can be asked for. */
const events = (chat: Chat): void => {
  expectTypeOf<Status['_tag']>().toEqualTypeOf<
    'Idle' | 'Connecting' | 'Live' | 'Draining' | 'Waiting' | 'Offline' | 'Closed'
  >();
  expectTypeOf<RoomNotice['_tag']>().toEqualTypeOf<
    'Joined' | 'Refused' | 'Gap' | 'Presence' | 'Undecoded'
  >();
  chat.status$.subscribe(({ _tag }) => {
    // @ts-expect-error -- a status that there is not
    if (_tag === 'Open') return;
  });
  chat.room('general').gap$.subscribe(({ reason }: Gap) => {
    // @ts-expect-error -- a reason that there is not
    if (reason === 'lost') return;
  });
  chat.room('general').presence$.subscribe(({ type, data }: Presence) => {
    expectTypeOf(type).toEqualTypeOf<'presence'>();
    if (data.connection_id === undefined)
      expectTypeOf(data.status).toEqualTypeOf<'online' | 'away'>();
    else expectTypeOf(data.status).toEqualTypeOf<'online' | 'offline'>();
    if (data.connection_id !== undefined) expectTypeOf(data.user_id).toEqualTypeOf<string | null>();
  });
  expectTypeOf<ChatError['code']>().toEqualTypeOf<string>();
};

/** A subscription that is forgotten, where a compiler can see it. */
const clean = (chat: Chat): void => {
  const { message$ } = chat.room<Line>('general');
  // @ts-expect-error -- React calls what the effect returns, and a subscription cannot be called
  useEffect(() => message$.subscribe());
  useEffect(() => {
    const subscription = message$.subscribe();
    return () => subscription.unsubscribe();
  });
  // a room is no stream itself: `message$` is one, or `from(room)`
  expectTypeOf(chat.room('general')).not.toHaveProperty('subscribe');
};

t.test('when an application uses the client, then the compiler finds its mistakes', async (t) => {
  for (const compiled of [application, payloads, options, events, clean])
    t.type(compiled, 'function', compiled.name);
});
