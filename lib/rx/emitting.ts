/**
 * What happens in a piece of work, as a stream. A Subject that is merged with the work would be five hops an
 * event, and an array of observers each time.
 */
import { Observable } from 'rxjs';

/** Runs `work` for each subscriber; emits what it hands to `emit`, and ends as the work does. */
export const emitting = <T>(work: (emit: (value: T) => void) => Observable<never>): Observable<T> =>
  new Observable((out) => {
    work((value) => out.next(value)).subscribe(out);
  });
