/**
 * Pages of the archive, a few at a time. A new owner asks about each room that has rows, which may be
 * hundreds; clients that read history need pages of the same archive.
 *
 * Source: it subscribes to the pages, and ends them with `running`.
 */
import { defer, mergeMap, Observable, Subject, type Subscription, tap } from 'rxjs';
import type { Archive } from '../../history/archive/port.js';

const MOST = 4;

/** A page is asked for when it is subscribed to, in that order. */
export const fewPages = (
  archive: Pick<Archive, 'page'>,
  running: Subscription,
): Pick<Archive, 'page'> => {
  const asked$ = new Subject<Observable<unknown>>();
  running.add(asked$.pipe(mergeMap((page$) => page$, MOST)).subscribe());
  return {
    page: (query) =>
      new Observable((out) => asked$.next(defer(() => archive.page(query)).pipe(tap(out)))),
  };
};
