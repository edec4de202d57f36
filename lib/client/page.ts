/**
 * What happens to a browser's page: network, visibility, freezing, the back/forward cache. Nothing in Node.
 */
import { Observable } from './rx.js';
import { PAGE } from './connections.js';
import { has } from './frames.js';
import type { PageEvent } from './state.js';

type Listener = (event: { readonly type: string }) => void;

interface Window {
  addEventListener(type: string, listener: Listener, capture: true): void;
  removeEventListener(type: string, listener: Listener, capture: true): void;
  readonly document?: { readonly visibilityState: 'visible' | 'hidden' };
}

const isPageEvent = (type: string): type is PageEvent => type in PAGE;
const VISIBILITY = 'visibilitychange';

export const pageEvents = (window: object = globalThis): Observable<PageEvent> =>
  new Observable((out) => {
    if (!has<Window>(window, 'addEventListener')) return;
    const on: Listener = ({ type }) =>
      out.next(isPageEvent(type) ? type : (window.document?.visibilityState ?? 'visible'));
    on({ type: VISIBILITY });
    for (const type of [...Object.keys(PAGE), VISIBILITY]) {
      // true: captures, so the window gets the events of its document, too
      window.addEventListener(type, on, true);
      out.add(() => window.removeEventListener(type, on, true));
    }
  });
