/**
 * The events of a piece of work as a stream. A Subject that is merged with the work would cost five function
 * calls an event, and an array of observers each time.
 */
import { Observable } from 'rxjs';

/**
 * Runs `work` for each subscriber, and emits the values that it passes to `emit`. Completes or errors when
 * the work does.
 */
export const emitting = <T>(work: (emit: (value: T) => void) => Observable<never>): Observable<T> =>
  new Observable((out) => {
    work((value) => out.next(value)).subscribe(out);
  });
