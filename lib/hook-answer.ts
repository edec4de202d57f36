/** The answer of a hook as a stream: from a value, a promise or a stream, with a time limit. */
import { defer, from, isObservable, type Observable, of, take, throwError, timeout } from 'rxjs';
import type { Clock } from './clock.js';
import type { MaybeAsync } from './hooks.js';

const HOOK_MS = 1_000;

/** Not rxjs's TimeoutError: a hook may throw that itself. */
export class HookLate extends Error {
  public override readonly name = 'HookLate';
}

/** The answer of a hook as a stream of at most one value. An exception is an error of the stream. */
export const answerOf = <A>(call: () => MaybeAsync<A>, { scheduler }: Clock): Observable<A> =>
  defer(() => {
    const answer = call();
    const answer$ = isObservable(answer) ? answer : isThenable(answer) ? from(answer) : of(answer);
    return answer$.pipe(
      take(1),
      timeout({
        each: HOOK_MS,
        scheduler,
        with: () => throwError(() => new HookLate('the hook did not answer within 1 s')),
      }),
    );
  });

const isThenable = <A>(value: MaybeAsync<A>): value is PromiseLike<A> =>
  typeof value === 'object' && value !== null && 'then' in value;
