/**
 * A client with `share`: the part in `share/` is loaded, as a file of its own, so that it costs nothing
 * where it is not used. The first connection waits until the part is loaded. If the part cannot be loaded,
 * the client has a socket of its own.
 */
import { defer, filter, merge, mergeMap, Observable } from './rx.js';
import type { ConnectOptions } from './options.js';
import type { RunnerDeps } from './runner.js';
import type { Shared } from './share/share.js';

export const sharing = (deps: RunnerDeps, options: ConnectOptions): RunnerDeps => {
  let shared: Shared | undefined;
  const loaded = import('./share/share.js').then(
    ({ share }) => share(deps, options),
    () => undefined,
  );
  return {
    ...deps,
    open: (url, protocols) => (shared ?? deps).open(url, protocols),
    token$: defer(() => loaded).pipe(
      mergeMap((part) => {
        shared = part;
        // the leader asks for tokens, with `deps.token$`
        return part ? [''] : deps.token$;
      }),
    ),
    // a hidden tab goes on: the socket is there, or the leader opens it
    page$: merge(
      deps.page$.pipe(filter((event) => event !== 'hidden')),
      // emits nothing; its end is that of the client
      new Observable<never>(() => () => shared?.leave()),
    ),
  };
};
