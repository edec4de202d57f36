/** What happens to a browser's page: network, visibility, freezing, the back/forward cache. Nothing in Node. */
import { EMPTY, fromEvent, map, merge, type Observable } from 'rxjs';
import type { PageEvent } from './phase.js';

interface Target {
  addEventListener(type: string, listener: (event: unknown) => void): void;
  removeEventListener(type: string, listener: (event: unknown) => void): void;
}

interface PageDocument extends Target {
  readonly visibilityState: string;
}

const isTarget = (value: unknown): value is Target =>
  typeof value === 'object' && value !== null && 'addEventListener' in value;

const isDocument = (value: unknown): value is PageDocument =>
  isTarget(value) && 'visibilityState' in value;

export const pageEvents = (
  window: unknown = globalThis,
  document: unknown = Reflect.get(globalThis, 'document'),
): Observable<PageEvent> => {
  if (!isTarget(window) || !isDocument(document)) return EMPTY;
  const on = (target: Target, type: string, event: () => PageEvent): Observable<PageEvent> =>
    fromEvent(target, type).pipe(map(event));
  return merge(
    on(window, 'online', () => 'online'),
    on(window, 'offline', () => 'offline'),
    on(window, 'pagehide', () => 'frozen'),
    on(window, 'pageshow', () => 'resumed'),
    on(document, 'freeze', () => 'frozen'),
    on(document, 'resume', () => 'resumed'),
    on(document, 'visibilitychange', () =>
      document.visibilityState === 'hidden' ? 'hidden' : 'visible',
    ),
  );
};
