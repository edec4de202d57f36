/**
 * `map` whose function may return undefined, which is not emitted: one operator in place of `map` and
 * `filter`. One object, as `bare-subscriber.ts` explains.
 */
import { Observable, type OperatorFunction, Subscriber } from 'rxjs';

class MapSome<T, R> extends Subscriber<T> {
  constructor(
    private readonly project: (value: T) => R | undefined,
    private readonly out: Subscriber<R>,
  ) {
    // rxjs 8 makes this constructor internal. A direct subclass is the only observer that rxjs does not wrap
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    super();
    out.add(this);
  }

  override next(value: T): void {
    if (this.closed) return;
    try {
      const result = this.project(value);
      if (result !== undefined) this.out.next(result);
    } catch (reason) {
      this.error(reason);
    }
  }

  override error(reason: unknown): void {
    if (this.closed) return;
    this.unsubscribe();
    this.out.error(reason);
  }

  override complete(): void {
    if (this.closed) return;
    this.unsubscribe();
    this.out.complete();
  }
}

export const mapSome =
  <T, R>(project: (value: T) => R | undefined): OperatorFunction<T, R> =>
  (source$) =>
    new Observable((out) => {
      source$.subscribe(new MapSome(project, out));
    });
