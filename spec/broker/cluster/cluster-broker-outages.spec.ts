/** Several pods on one model of Redis that breaks, freezes, restarts or is gone for a time. */
import { isRight } from 'fp-ts/lib/Either.js';
import { concat, ignoreElements, NEVER } from 'rxjs';
import t from 'tap';
import { clusterBroker } from '../../../lib/broker/cluster/cluster-broker.js';
import { channelOf } from '../../../lib/broker/redis/port.js';
import {
  draft,
  fail,
  faultsOf,
  join,
  podOf,
  publish,
  restsOf,
  scopeOf,
  statusOf,
  tagsOf,
  world,
} from '../../support/cluster-world.js';
import { modelBus } from '../../support/model-bus.js';
import { modelRedis } from '../../support/model-redis.js';
import { virtualClock } from '../../support/virtual-clock.js';

t.test(
  'when Redis is down at the start, then the pod is degraded and serves its members until Redis appears',
  async (t) => {
    const w = world(1);
    w.redis.crash();
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    const early = publish(w, pod, 'r');
    w.clock.advance(3_300);
    t.equal(statusOf(pod), 'Degraded');
    const late = publish(w, pod, 'r');
    t.same([scopeOf(early), scopeOf(late)], ['pod', 'pod']);
    t.same(tagsOf(listener), ['Opened pod', 'Published', 'Published']);
    w.redis.start();
    w.clock.advance(2_000);
    t.equal(statusOf(pod), 'Up');
    const back = publish(w, pod, 'r');
    w.clock.advance(50);
    t.equal(scopeOf(back), 'cluster');
    t.same(tagsOf(listener), [
      'Opened pod',
      'Published',
      'Published',
      'Gap broker_outage',
      'Published',
    ]);
    t.same(faultsOf(w), []);
  },
);

t.test(
  'when Redis freezes, then degraded comes within 3 s, restored within 2 s, and nothing late or twice',
  async (t) => {
    const w = world(2);
    const listeners = w.pods.map((pod) => join(w, pod, 'r'));
    const pod = podOf(w, 0);
    w.clock.advance(1_000);
    w.redis.freeze();
    const caught = publish(w, pod, 'r');
    const behind = publish(w, pod, 'r');
    w.clock.advance(700);
    t.equal(scopeOf(caught), 'waits');
    w.clock.advance(1_310);
    t.same([scopeOf(caught), scopeOf(behind)], ['pod', 'pod'], 'within BROKER_TIMEOUT_MS');
    w.clock.advance(900);
    t.equal(statusOf(pod), 'Degraded');
    w.clock.advance(5_000);
    w.redis.thaw();
    w.clock.advance(2_000);
    t.equal(statusOf(pod), 'Up');
    t.equal(w.redis.placed.size, 0, 'the script refused what came after its deadline');
    const later = publish(w, pod, 'r');
    w.clock.advance(100);
    t.equal(scopeOf(later), 'cluster');
    t.same(
      listeners.map((listener) => restsOf(listener).length),
      [3, 1],
    );
    t.same(faultsOf(w), []);
    t.ok(pod.events.some((event) => event._tag === 'PublishFailed' && event.messages === 1));
  },
);

t.test(
  'when the answer to a publish is lost, then other pods get the message, and its echo is dropped here',
  async (t) => {
    const w = world(2);
    const [here, there] = w.pods.map((pod) => join(w, pod, 'r'));
    const pod = podOf(w, 0);
    w.clock.advance(1_000);
    for (const each of w.pods) each.bus.slow(100);
    const sent = publish(w, pod, 'r');
    let ms = 0;
    // the command reaches Redis, and nothing comes back for longer than the timeout
    while (w.redis.placed.size === 0 && ms < 200) {
      w.clock.advance(1);
      ms += 1;
    }
    t.equal(w.redis.placed.size, 1);
    pod.bus.blackHole(true);
    w.clock.advance(2_000);
    t.equal(scopeOf(sent), 'pod');
    for (const each of w.pods) each.bus.slow(2);
    pod.bus.blackHole(false);
    w.clock.advance(3_000);
    const next = publish(w, podOf(w, 1), 'r');
    w.clock.advance(500);
    t.equal(scopeOf(next), 'cluster');
    t.equal(restsOf(here ?? fail()).filter((rest) => rest === sent.draft.rest).length, 1);
    t.equal(restsOf(there ?? fail()).length, 2);
    t.same(faultsOf(w), []);
  },
);

t.test(
  'when a publish that fell back has run in Redis, then members get it once, however long the outage',
  async (t) => {
    const w = world(2);
    const pod = podOf(w, 0);
    const here = join(w, pod, 'r');
    w.clock.advance(1_000);
    pod.bus.deafen(true);
    pod.bus.holdAnswers(true);
    const sent = publish(w, pod, 'r');
    w.clock.advance(2_100);
    t.equal(scopeOf(sent), 'pod');
    t.equal(w.redis.placed.size, 1);
    pod.bus.blackHole(true);
    w.clock.advance(300_000);
    pod.bus.deafen(false);
    pod.bus.holdAnswers(false);
    pod.bus.blackHole(false);
    w.clock.advance(3_000);
    t.same(restsOf(here), [sent.draft.rest]);
    t.equal(here.events.at(-1)?._tag, 'Echoed', 'but to who has come since');
  },
);

t.test(
  'when the answer to a publish is lost and its message is read in the log, then its scope is `cluster`',
  async (t) => {
    const clock = virtualClock();
    const redis = modelRedis(clock);
    const bus = modelBus(redis, clock, 'pod-0');
    const answerless = {
      ...bus,
      publish: (...call: Parameters<typeof bus.publish>) =>
        concat(bus.publish(...call).pipe(ignoreElements()), NEVER),
    };
    const broker = clusterBroker({ redis: answerless, clock, serverId: 'pod-0', timeoutMs: 8_000 });
    const scopes: string[] = [];
    const offsets: (number | undefined)[] = [];
    broker.channel('r').subscribe((event) => {
      if (event._tag === 'Published') offsets.push(event.offset);
    });
    clock.advance(1_000);
    bus.deafen(true);
    broker.publish(draft('r', clock.wall())).subscribe((result) => {
      scopes.push(isRight(result) ? result.right.scope : result.left._tag);
    });
    clock.advance(9_000);
    t.same(offsets, [1]);
    t.same(scopes, ['cluster']);
  },
);

t.test(
  'when one publish fails, then its room uses the fallback until a later probe comes back',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    w.clock.advance(1_010);
    w.redis.refuse('OutOfMemory');
    const one = publish(w, pod, 'r');
    w.clock.advance(20);
    w.redis.refuse(undefined);
    const two = publish(w, pod, 'r');
    const other = publish(w, pod, 'other');
    w.clock.advance(20);
    t.same([one, two, other].map(scopeOf), ['pod', 'pod', 'cluster']);
    w.clock.advance(1_000);
    const three = publish(w, pod, 'r');
    w.clock.advance(20);
    t.equal(scopeOf(three), 'cluster');
    t.same(
      restsOf(listener),
      [one, two, three].map(({ draft: { rest } }) => rest),
    );
    t.same(
      pod.statuses.map(({ _tag }) => _tag),
      ['Starting', 'Up'],
      'no outage is told',
    );
    t.equal(pod.events.filter(({ _tag }) => _tag === 'PublishFailed').length, 1, 'counted once');
  },
);

t.test(
  'when a message is received before the connection of its publish breaks, then it keeps its position',
  async (t) => {
    let met = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const w = world(1, seed);
      const pod = podOf(w, 0);
      const listener = join(w, pod, 'r');
      w.clock.advance(1_000);
      pod.bus.slow(100);
      let pushed = 0;
      pod.bus.event$.subscribe((event) => {
        if (event._tag === 'Message' && event.channel === channelOf('r')) pushed += 1;
      });
      const sent = publish(w, pod, 'r');
      for (let ms = 0; ms < 250 && pushed === 0; ms += 1) w.clock.advance(1);
      if (sent.result !== undefined) continue;
      t.same(restsOf(listener), [], 'not believed before the script answers, or the log');
      met += 1;
      pod.bus.cut();
      w.clock.advance(3_000);
      t.equal(scopeOf(sent), 'cluster');
      t.same(restsOf(listener), [sent.draft.rest]);
    }
    t.ok(met > 3, `met in ${met} of 20`);
  },
);

t.test(
  'when a connection breaks ten times in two seconds, then members get every message and no `degraded`',
  async (t) => {
    let broken = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const w = world(2, seed);
      const pod = podOf(w, 0);
      const other = podOf(w, 1);
      const listeners = [join(w, pod, 'r'), join(w, other, 'r')];
      w.clock.advance(1_000);
      for (let ms = 0; ms < 2_000; ms += 10) {
        publish(w, pod, 'r');
        publish(w, other, 'r');
        // under way
        w.clock.advance(seed % 4);
        if (ms % 200 === 100) {
          pod.bus.breakOff(
            (['subscriber', 'publisher', 'both'] as const)[(ms / 100) % 3] ?? 'both',
          );
          broken += 1;
        }
        w.clock.advance(10 - (seed % 4));
      }
      w.clock.advance(2_000);
      t.same(
        [...pod.sent, ...other.sent].filter((sent) => scopeOf(sent) !== 'cluster'),
        [],
        'no ack says that it reached one pod alone',
      );
      for (const listener of listeners) {
        const rests = restsOf(listener);
        t.same([rests.length, new Set(rests).size], [400, 400], 'each once');
      }
      t.same(faultsOf(w), []);
      t.same(
        pod.statuses.map(({ _tag }) => _tag),
        ['Starting', 'Up'],
      );
      t.same(
        pod.events.filter(({ _tag }) => _tag === 'PublishFailed'),
        [],
      );
      t.equal(pod.broker.waiting?.(), 0);
    }
    t.ok(broken > 100, `${broken} times`);
  },
);

t.test(
  'when an outage ends, then restored comes once the rooms are subscribed and have caught up',
  async (t) => {
    const w = world(2);
    const pod = podOf(w, 0);
    const listener = join(w, pod, 'r');
    w.clock.advance(1_000);
    pod.bus.blackHole(true);
    w.clock.advance(4_000);
    t.equal(statusOf(pod), 'Degraded');
    publish(w, podOf(w, 1), 'r');
    w.clock.advance(100);
    pod.bus.slow(100);
    const atUp: (readonly string[])[] = [];
    pod.broker.status$.subscribe(({ _tag }) => {
      if (_tag === 'Up') atUp.push(tagsOf(listener));
    });
    const reads = pod.bus.sent.get('page') ?? 0;
    pod.bus.blackHole(false);
    // until restored, and not until a quiet room is looked after
    w.clock.advance(1_500);
    t.same(atUp, [['Opened cluster', 'Published']]);
    t.equal(pod.bus.sent.get('page'), reads + 1, 'read once');
  },
);

t.test(
  'when rooms stayed subscribed and received nothing, then restored waits until they have caught up',
  async (t) => {
    const w = world(2);
    const pod = podOf(w, 0);
    const rooms = Array.from({ length: 8 }, (_, i) => join(w, pod, `r${i}`));
    w.clock.advance(1_000);
    pod.bus.deafen(true);
    w.clock.advance(3_500);
    t.equal(statusOf(pod), 'Degraded');
    for (const { room } of rooms) publish(w, podOf(w, 1), room);
    w.clock.advance(10);
    const atUp: string[] = [];
    pod.broker.status$.subscribe(({ _tag }) => {
      if (_tag === 'Up') atUp.push(...rooms.flatMap(tagsOf));
    });
    pod.bus.deafen(false);
    w.clock.advance(1_000);
    t.same(
      atUp,
      rooms.flatMap(() => ['Opened cluster', 'Published']),
    );
    t.same(faultsOf(w), []);
  },
);

t.test(
  'when a publish that fell back comes again with its key, then it is a duplicate',
  async (t) => {
    const w = world(1);
    const pod = podOf(w, 0);
    w.redis.crash();
    w.clock.advance(4_000);
    const first = publish(w, pod, 'r', 'k', 'same');
    w.redis.start();
    w.clock.advance(3_000);
    const again = publish(w, pod, 'r', 'k', 'same');
    const other = publish(w, pod, 'r', 'k', 'different');
    w.clock.advance(50);
    const { result } = first;
    t.ok(result !== undefined && isRight(result));
    if (result === undefined || !isRight(result)) return;
    t.same(again.result, {
      _tag: 'Right',
      right: { id: result.right.id, duplicate: true, scope: 'pod' },
    });
    t.same(other.result, { _tag: 'Left', left: { _tag: 'KeyReused' } });
    t.equal(w.redis.placed.size, 0);
    w.clock.advance(300_000);
    const after = publish(w, pod, 'r', 'k', 'same');
    w.clock.advance(50);
    t.equal(scopeOf(after), 'cluster', 'for 5 minutes');
  },
);

t.test(
  'when Redis restarts empty or goes back, then members get a gap, and then the message that showed it',
  async (t) => {
    for (const fault of ['wipe', 'failover', 'failover unseen'] as const) {
      const w = world(2);
      const listeners = w.pods.map((pod) => join(w, pod, 'r'));
      w.clock.advance(1_000);
      for (let i = 0; i < 10; i++) publish(w, podOf(w, i), 'r');
      w.clock.advance(100);
      if (fault === 'wipe') w.redis.wipe();
      else w.redis.failover(3, fault === 'failover');
      w.clock.advance(fault === 'failover' ? 1_500 : 10);
      for (let i = 0; i < 4; i++) {
        publish(w, podOf(w, i), 'r');
        w.clock.advance(20);
      }
      w.clock.advance(1_000);
      t.same(faultsOf(w), [], fault);
      for (const listener of listeners) {
        t.equal(restsOf(listener).length, 14, `${fault}: every message came`);
        t.equal(
          tagsOf(listener).filter((tag) => tag === 'Gap log_lost').length,
          1,
          `${fault}: one gap`,
        );
      }
    }
  },
);
