/** The upkeep of a pod: probes, polls of rooms, the lease. */
import { isRight, right } from 'fp-ts/lib/Either.js';
import { Observable, of } from 'rxjs';
import { Relay } from '../../../lib/rx/relay.js';
import t from 'tap';
import type { ChannelEvent } from '../../../lib/broker/index.js';
import type { RawEvent } from '../../../lib/broker/cluster/channel-events.js';
import { openChannels } from '../../../lib/broker/cluster/channels.js';
import { roomsOfPoll, upkeep } from '../../../lib/broker/cluster/upkeep.js';
import type { RedisPort } from '../../../lib/broker/redis/port.js';
import { virtualClock } from '../../support/virtual-clock.js';

const rooms = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `r${i}`);

t.test('when there are few rooms, then each is polled every fourth turn', async (t) => {
  const turns = [1, 2, 3, 4].map((turn) => roomsOfPoll(rooms(8), turn));
  t.same(
    turns.map((polled) => polled.length),
    [2, 2, 2, 2],
  );
  t.same([...turns.flat()].sort(), rooms(8), 'and each once');
});

t.test('when there are thousands of rooms, then each is polled every twentieth turn', async (t) => {
  const turns = Array.from({ length: 20 }, (_, turn) => roomsOfPoll(rooms(5_000), turn + 1));
  t.ok(turns.every((polled) => polled.length === 250));
  t.equal(new Set(turns.flat()).size, 5_000);
});

t.test(
  'when a pod is connected, then it probes, polls and renews its lease until its end',
  async (t) => {
    const clock = virtualClock();
    const done: string[] = [];
    let isReady = false;
    const channels = openChannels();
    const raw$ = new Relay<RawEvent>();
    raw$.subscribe(({ _tag }) => done.push(_tag));
    const channel$ = new Observable<ChannelEvent>((out) => channels.open('r', { raw$, out }));
    channel$.subscribe();
    const care = upkeep({
      redis: {
        lease: () => {
          done.push('lease');
          return of(right([]));
        },
      } satisfies Pick<RedisPort, 'lease'> as unknown as RedisPort,
      clock,
      probe: {
        send$: of(right(1)),
        sendNew$: of(right(2)),
        last: () => 0,
        take: () => undefined,
        isOwn: () => false,
        ahead: () => undefined,
        lastAhead: () => undefined,
        refusal: () => undefined,
        whyNotBack: () => '',
        forget: () => undefined,
      },
      channels,
      ready: () => isReady,
      answered: (answer) => done.push(isRight(answer) ? `probe ${answer.right}` : 'no probe'),
    });
    const life = care.run$.subscribe();
    clock.advance(3_000);
    t.same(done, [], 'not before it is connected');
    isReady = true;
    clock.advance(3_000);
    const count = (what: string): number => done.filter((each) => each === what).length;
    t.same([count('probe 1'), count('lease')], [6, 1]);
    t.ok(count('Poll') >= 1);
    care.probeAnew();
    t.equal(done.at(-1), 'probe 2', 'a probe of its own');
    life.unsubscribe();
    const before = done.length;
    clock.advance(10_000);
    care.probe();
    care.renewLease();
    t.equal(done.filter((each) => each === 'Poll').length, count('Poll'));
    t.equal(done.length, before, 'no more ticks, and no probe or lease that is asked for');
    t.equal(clock.pending(), 0);
  },
);
