/** What happens to a browser's page: network, visibility, freezing, the back/forward cache. Nothing in Node. */
import { EMPTY, Observable } from 'rxjs';
import type { PageEvent } from './state.js';

interface Window {
  addEventListener(type: string, listener: (event: { type: string }) => void, capture: true): void;
  removeEventListener(
    type: string,
    listener: (event: { type: string }) => void,
    capture: true,
  ): void;
  readonly document?: { readonly visibilityState: string };
}

const isWindow = (value: object): value is Window => 'addEventListener' in value;

const EVENTS: Readonly<Record<string, PageEvent>> = {
  online: 'online',
  offline: 'offline',
  pagehide: 'frozen',
  pageshow: 'resumed',
  freeze: 'frozen',
  resume: 'resumed',
};
const VISIBILITY = 'visibilitychange';

/** Capturing, the window gets the events of its document, too. */
export const pageEvents = (window: object = globalThis): Observable<PageEvent> =>
  isWindow(window)
    ? new Observable((out) => {
        const types = [...Object.keys(EVENTS), VISIBILITY];
        const isHidden = (): boolean => window.document?.visibilityState === 'hidden';
        const on = ({ type }: { type: string }): void =>
          out.next(EVENTS[type] ?? (isHidden() ? 'hidden' : 'visible'));
        if (isHidden()) out.next('hidden');
        for (const type of types) window.addEventListener(type, on, true);
        return () => {
          for (const type of types) window.removeEventListener(type, on, true);
        };
      })
    : EMPTY;
