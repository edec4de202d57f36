/**
 * React: the messages of a room as state. All components share one join of the room. React's StrictMode mounts
 * each component twice; the room is joined once, as the client leaves it only a second after the last
 * subscription has ended.
 *
 *     const chat = connect({ url: 'wss://host/api/chat-api/ws' }); // once, outside of the components
 *     const { entries, members, publish } = useRoom<{ text: string }>(chat, 'general');
 *
 * Give the component `key={name}` where the name of the room changes: then the state begins anew.
 */
import type { Chat, Gap, Message, Room } from 'chat-api/client';
import { useEffect, useMemo, useState } from 'react';
import { merge, type Observable, scan } from 'rxjs';

/** The last value of a stream. */
export const useObservable = <A>(value$: Observable<A>, first: A): A => {
  const [value, setValue] = useState(first);
  useEffect(() => {
    const subscription = value$.subscribe((next) => setValue(() => next));
    return () => subscription.unsubscribe();
  }, [value$]);
  return value;
};

/** A message, or a gap: show the gap between the messages, and load the data of the page again. */
export type Entry<T> = Message<T> | Gap;

const MAX_ENTRIES = 500;

export const useRoom = <T>(
  chat: Chat,
  name: string,
): {
  readonly entries: readonly Entry<T>[];
  readonly members: number;
  readonly publish: Room<T>['publish'];
} => {
  const [room, entries$] = useMemo(() => {
    const room = chat.room<T>(name);
    const add = (all: readonly Entry<T>[], next: Entry<T>): readonly Entry<T>[] =>
      [...all, next].slice(-MAX_ENTRIES);
    return [room, merge(room.message$, room.gap$).pipe(scan(add, []))];
  }, [chat, name]);
  const entries = useObservable(entries$, []);
  return { entries, members: useObservable(room.members$, 0), publish: room.publish };
};
