/** `Relay`: a Subject for one subscriber. */
import t from 'tap';
import { Relay } from '../../lib/rx/relay.js';

t.test(
  'when a relay has a subscriber, then each value goes there; else values are lost',
  async (t) => {
    const relay$ = new Relay<number>();
    const got: number[] = [];
    relay$.next(1);
    const subscription = relay$.subscribe((value) => got.push(value));
    relay$.next(2);
    subscription.unsubscribe();
    relay$.next(3);
    t.same(got, [2]);
  },
);

t.test(
  'when a second subscriber has replaced the first, then the end of the first changes nothing',
  async (t) => {
    const relay$ = new Relay<number>();
    const got: string[] = [];
    const first = relay$.subscribe((value) => got.push(`first ${value}`));
    relay$.subscribe((value) => got.push(`second ${value}`));
    first.unsubscribe();
    relay$.next(1);
    t.same(got, ['second 1']);
  },
);
