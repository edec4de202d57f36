/** What the compiler says of an application's code: this file holds when it compiles. */
import { expectTypeOf } from 'expect-type';
import { type Observable } from 'rxjs';
import t from 'tap';
import {
  type Ack,
  type Chat,
  connect,
  type Message,
  type Page,
  type Room,
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

t.test('when an application uses the client, then the compiler finds its mistakes', async (t) => {
  t.type(application, 'function', 'compiled');
});
