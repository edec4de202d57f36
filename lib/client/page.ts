/** What happens to a browser's page: network, visibility, freezing, the back/forward cache. Nothing in Node. */
import { EMPTY, filter, fromEvent, map, merge, type Observable } from 'rxjs';
import type { PageEvent } from './phase.js';

interface Target {
  addEventListener(type: string, listener: (event: never) => void): void;
  removeEventListener(type: string, listener: (event: never) => void): void;
}

interface PageDocument extends Target {
  readonly visibilityState: string;
}

const isTarget = (value: unknown): value is Target =>
  typeof value === 'object' && value !== null && 'addEventListener' in value;

export const pageEvents = (
  window: unknown = globalThis,
  document: unknown = (globalThis as { readonly document?: unknown }).document,
): Observable<PageEvent> => {
  if (!isTarget(window) || !isTarget(document)) return EMPTY;
  const on = (target: Target, type: string, event: PageEvent): Observable<PageEvent> =>
    fromEvent(target as never, type).pipe(map(() => event));
  const page = document as PageDocument;
  return merge(
    on(window, 'online', 'online'),
    on(window, 'offline', 'offline'),
    on(window, 'pagehide', 'frozen'),
    on(window, 'pageshow', 'resumed'),
    on(page, 'freeze', 'frozen'),
    on(page, 'resume', 'resumed'),
    fromEvent(page as never, 'visibilitychange').pipe(
      map((): PageEvent => (page.visibilityState === 'hidden' ? 'hidden' : 'visible')),
      filter(() => true),
    ),
  );
};
