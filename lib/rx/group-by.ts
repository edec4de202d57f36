/**
 * `groupBy` for many short-lived groups. rxjs passes each value through a Subject with two observers, one of
 * them the duration: 2 µs a message. rxjs finds the end of a group in O(groups), and takes 3 kB more for each
 * group. Here a group is one object with one observer, and it ends by itself when it has been empty for
 * `lingerMs`.
 */
import {
  Observable,
  type OperatorFunction,
  type SchedulerLike,
  type Subscriber,
  type Subscription,
} from 'rxjs';
import { BareSubscriber } from './bare-subscriber.js';

export interface GroupBy<T, K> {
  readonly key: (value: T) => K;
  /** By how many members this value changes the group: 1, 0 or -1. */
  readonly change: (value: T) => number;
  /** How long an empty group waits for its next member. */
  readonly lingerMs: number;
  readonly scheduler: SchedulerLike;
}

/** The values of one key. */
export interface Group<T, K> {
  readonly key: K;
  /** For one subscriber, which must subscribe at once. Completes when the group ends. */
  readonly value$: Observable<T>;
  /** Ends the group now: the next value with its key begins a new one. */
  readonly end: () => void;
}

class Life<T, K> implements Group<T, K> {
  readonly value$: Observable<T>;
  private members = 0;
  private observer: Subscriber<T> | undefined = undefined;
  private lingering: Subscription | undefined = undefined;

  constructor(
    readonly key: K,
    private readonly groups: Map<K, Life<T, K>>,
    private readonly options: GroupBy<T, K>,
  ) {
    this.value$ = new Observable((observer) => {
      this.observer = observer;
      return () => {
        this.observer = undefined;
      };
    });
  }

  readonly end = (): void => {
    this.forget();
    this.observer?.complete();
  };

  next(value: T): void {
    this.members += this.options.change(value);
    if (this.members <= 0) this.linger();
    else if (this.lingering !== undefined) this.stay();
    this.observer?.next(value);
  }

  error(reason: unknown): void {
    this.forget();
    this.observer?.error(reason);
  }

  forget(): void {
    this.stay();
    if (this.groups.get(this.key) === this) this.groups.delete(this.key);
  }

  private stay(): void {
    this.lingering?.unsubscribe();
    this.lingering = undefined;
  }

  private linger(): void {
    this.lingering ??= this.options.scheduler.schedule(this.end, this.options.lingerMs);
  }
}

/** Emits each group as it begins. It completes, and all groups with it, when the source does. */
export const groupBy =
  <T, K>(options: GroupBy<T, K>): OperatorFunction<T, Group<T, K>> =>
  (source$) =>
    new Observable((out) => {
      const groups = new Map<K, Life<T, K>>();
      const all = (): readonly Life<T, K>[] => [...groups.values()];
      out.add(() => {
        for (const group of all()) group.forget();
      });
      const take = (value: T): void => {
        const key = options.key(value);
        let group = groups.get(key);
        if (group === undefined) {
          group = new Life(key, groups, options);
          groups.set(key, group);
          out.next(group);
        }
        group.next(value);
      };
      const failed = (reason: unknown): void => {
        for (const group of all()) group.error(reason);
        out.error(reason);
      };
      const source = new BareSubscriber(take, failed, () => {
        for (const group of all()) group.end();
        out.complete();
      });
      out.add(source);
      source$.subscribe(source);
    });
