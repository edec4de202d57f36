/** The channels that a pod is always subscribed to. */
import { of, Subscription } from 'rxjs';
import { right } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { healthProbe, type Returned } from '../../../lib/broker/cluster/health-probe.js';
import type { Sink } from '../../../lib/broker/cluster/subscriptions.js';
import { systemChannels } from '../../../lib/broker/cluster/system-channels.js';
import type { BrokerEvent } from '../../../lib/broker/index.js';
import { virtualClock } from '../../support/virtual-clock.js';

const OWN = 'realtime:pod:pod-1';

const world = (subscribeCommand: 'subscribe' | 'ssubscribe' = 'subscribe') => {
  const clock = virtualClock();
  const sinks = new Map<string, Sink>();
  const events: BrokerEvent[] = [];
  const returned: Returned[] = [];
  const control: Buffer[] = [];
  const probes: string[] = [];
  let subscribed = 0;
  const redis = {
    probe: (text: string) => {
      probes.push(text);
      return of(right(clock.wall()));
    },
  };
  const probe = healthProbe({ redis, clock, timeoutMs: 2_000 });
  const all = systemChannels({
    redis: { subscribeCommand },
    subscriptions: {
      open: (channel, sink) => {
        sinks.set(channel, sink);
        return new Subscription(() => sinks.delete(channel));
      },
      accept: () => undefined,
      messages: () => of(),
      size: () => sinks.size,
      close: () => undefined,
    },
    clock,
    serverId: 'pod-1',
    probe,
    control: {
      message: (payload) => control.push(payload),
      subscribed: () => undefined,
      unsubscribed: () => undefined,
      denied: () => undefined,
    },
    emit: (event) => events.push(event),
    subscribed: () => {
      subscribed += 1;
    },
    probeReturned: (back) => returned.push(back),
  });
  const push = (channel: string, text: string): void =>
    sinks.get(channel)?.message(Buffer.from(text));
  return { all, sinks, events, returned, control, probes, probe, push, times: () => subscribed };
};

t.test(
  'when a pod starts, then it opens its own, the global and the control channel',
  async (t) => {
    const { all, sinks, times } = world();
    t.same([...sinks.keys()], [OWN, 'realtime:global', 'realtime:control']);
    for (const sink of sinks.values()) sink.subscribed();
    t.equal(times(), 1, 'probes come back on the own channel only');
    all.unsubscribe();
    t.equal(sinks.size, 0);
  },
);

t.test('when a probe comes back, then it is reported once', async (t) => {
  const { events, returned, probes, probe, push } = world();
  probe.send$.subscribe();
  for (let i = 0; i < 6; i++) for (const text of probes) push(OWN, text);
  t.match(returned, [{ number: 1 }]);
  t.same(events, [], 'a repeated own probe shows no namesake');
});

t.test('when another pod has the same SERVER_ID, then its probes show it', async (t) => {
  const { events, returned, push } = world();
  for (let i = 1; i <= 3; i++) push(OWN, `zz ${i} ${i * 500}`);
  t.same(events, []);
  push(OWN, 'zz 4 2000');
  t.same(events, [{ _tag: 'NamesakeFound' }]);
  t.same(returned, []);
});

t.test('when a command comes on the control channel, then it is passed on', async (t) => {
  const { control, events, push } = world();
  push('realtime:control', '{}');
  push('realtime:global', '{}');
  t.same([control.map(String), events], [['{}'], []]);
});

t.test('when Redis refuses a channel, then the missing right is named', async (t) => {
  const { sinks, events } = world();
  for (const sink of sinks.values()) sink.denied('NOPERM');
  t.match(events, [
    { _tag: 'Refused', detail: 'NOPERM', right: `+subscribe &${OWN}` },
    { right: '+subscribe &realtime:global' },
    { right: '+subscribe &realtime:control' },
  ]);
  const ofCluster = world('ssubscribe');
  ofCluster.sinks.get('realtime:global')?.denied('NOPERM');
  t.match(ofCluster.events, [{ right: '+ssubscribe &realtime:global' }]);
});
