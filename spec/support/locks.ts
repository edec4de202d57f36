/** Web Locks in this process, as browsers have them; Node has them from 24 on. */
import type { LockOptions, Locks } from '../../lib/client/share/browser.js';

interface Request {
  readonly granted: (lock: unknown) => Promise<unknown>;
  readonly settle: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export const lockManager = (): Locks => {
  const locks = new Map<string, { holder: Request | undefined; readonly queue: Request[] }>();
  const lockOf = (name: string) => {
    const known = locks.get(name) ?? { holder: undefined, queue: [] };
    locks.set(name, known);
    return known;
  };
  const hold = (name: string, request: Request): void => {
    lockOf(name).holder = request;
    queueMicrotask(() => {
      void request.granted({ name }).then((value) => {
        request.settle(value);
        if (lockOf(name).holder !== request) return;
        lockOf(name).holder = undefined;
        const next = lockOf(name).queue.shift();
        if (next) hold(name, next);
      });
    });
  };
  return {
    request: (name: string, options: LockOptions, granted) =>
      new Promise((settle, reject) => {
        const request: Request = { granted, settle, reject };
        const { holder, queue } = lockOf(name);
        if (options.steal === true) {
          holder?.reject(new DOMException('stolen', 'AbortError'));
          return hold(name, request);
        }
        if (holder === undefined) return hold(name, request);
        if (options.ifAvailable === true) return void granted(null).then(settle);
        queue.push(request);
        options.signal?.addEventListener('abort', () => {
          const at = queue.indexOf(request);
          if (at >= 0) queue.splice(at, 1);
          reject(new DOMException('aborted', 'AbortError'));
        });
      }),
  };
};
