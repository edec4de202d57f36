/**
 * Angular: the streams of the client as they are. A template subscribes by the `async` pipe or `toSignal`, and
 * unsubscribes when the component is destroyed; the room is left a second later. Works without zone.js.
 *
 *     providers: [{ provide: CHAT_OPTIONS, useValue: { url: 'wss://host/api/chat-api/ws' } }]
 *
 *     @Component({
 *       template: `@for (message of messages(); track message.id) { <p>{{ message.data.text }}</p> }`,
 *     })
 *     class General {
 *       readonly room = inject(ChatService).room<{ text: string }>('general');
 *       readonly messages = toSignal(list(this.room.message$), { initialValue: [] });
 *     }
 */
import { inject, Injectable, InjectionToken, type OnDestroy } from '@angular/core';
import { type ConnectOptions, connect, type Room } from 'chat-api/client/rxjs';
import { type Observable, scan, startWith } from 'rxjs';

export const CHAT_OPTIONS = new InjectionToken<ConnectOptions>('chat-api/client options');

@Injectable({ providedIn: 'root' })
export class ChatService implements OnDestroy {
  readonly #chat = connect(inject(CHAT_OPTIONS));
  /** For `toSignal` and the `async` pipe. */
  readonly status$ = this.#chat.status$;

  /** Nothing is joined before a template subscribes; all components share one join. */
  room<T>(name: string): Room<T> {
    return this.#chat.room<T>(name);
  }

  ngOnDestroy(): void {
    this.#chat.close();
  }
}

/** The messages since the subscription. A component that comes later begins with an empty list. */
export const list = <A>(value$: Observable<A>, max = 500): Observable<readonly A[]> =>
  value$.pipe(
    scan((all: readonly A[], next) => [...all, next].slice(-max), []),
    startWith([]),
  );
