/**
 * The channels that a pod is always subscribed to: its own, on which its probes come back, the global
 * channel, and `realtime:control`. Members get the messages of the global channel like those of any room
 * (`cluster-channel.ts`).
 */
import { Subscription } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { BrokerEvent } from '../index.js';
import { CONTROL_CHANNEL, GLOBAL_CHANNEL, podChannel, type RedisPort } from '../redis/port.js';
import type { HealthProbe, Returned } from './health-probe.js';
import { namesakes } from './namesake.js';
import { channelDenied } from './cluster-channel.js';
import type { Sink, Subscriptions } from './subscriptions.js';

export interface SystemChannelsDeps {
  readonly redis: Pick<RedisPort, 'subscribeCommand'>;
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  readonly serverId: string;
  readonly probe: HealthProbe;
  /** Receives the payloads of the control channel. */
  readonly control: Sink;
  readonly emit: (event: BrokerEvent) => void;
  /** The pod's own channel is subscribed: from now on probes come back. */
  readonly subscribed: () => void;
  readonly probeReturned: (returned: Returned) => void;
}

export const systemChannels = (deps: SystemChannelsDeps): Subscription => {
  const { probe, emit } = deps;
  const isNamesake = namesakes(deps.clock);
  const all = new Subscription();
  const open = (channel: string, sink: Sink): void =>
    all.add(
      deps.subscriptions.open(channel, {
        ...sink,
        denied: (detail) => emit(channelDenied(deps.redis, channel, detail)),
      }),
    );
  open(podChannel(deps.serverId), {
    ...IGNORE,
    message: (payload) => {
      const returned = probe.take(payload);
      if (returned !== undefined) deps.probeReturned(returned);
      else if (!probe.isOwn(payload) && isNamesake(payload)) emit({ _tag: 'NamesakeFound' });
    },
    subscribed: deps.subscribed,
  });
  open(GLOBAL_CHANNEL, IGNORE);
  open(CONTROL_CHANNEL, deps.control);
  return all;
};

const IGNORE: Sink = {
  message: () => undefined,
  subscribed: () => undefined,
  unsubscribed: () => undefined,
  denied: () => undefined,
};
