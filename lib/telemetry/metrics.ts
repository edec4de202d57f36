/**
 * The hub's events as Prometheus metrics (docs/operations.md, health). Room names and user ids are never
 * labels.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { OutboxBudget } from '../connection/outbox-budget.js';
import type { Broker } from '../broker/index.js';
import type { SqlPublisher } from '../broker/sql-outbox/sql-publisher.js';
import type { HubEvent } from '../hub-event.js';
import { archiveMetrics } from './archive-metrics.js';
import { sqlOutboxMetrics } from './sql-outbox-metrics.js';
import { histogram } from './histogram.js';
import { instruments, WORKERS_UNSENT } from './instruments.js';
import { GLOBAL } from '../protocol/position.js';
import { VERSION } from '../version.js';

export interface Metrics {
  /** The text format, and its content type. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
  /** The metrics as data, to be added up with those of other processes (`whole-metrics.ts`). */
  readonly json: () => Promise<readonly object[]>;
  /** Counts one event. */
  readonly fold: (event: HubEvent) => void;
}

/** In seconds: from a fast write on one pod to a message that waited while the broker did not answer. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const metrics = (
  backlog: Pick<OutboxBudget, 'peak' | 'bytes'>,
  {
    logBytes,
    remembered,
    waiting,
    unsentBytes,
    archive,
    unstored,
  }: Pick<Broker, 'logBytes' | 'remembered' | 'waiting' | 'unsentBytes' | 'archive' | 'unstored'>,
  sqlOutbox?: Pick<SqlPublisher, 'rows' | 'isOwner'>,
): Metrics => {
  const made = instruments();
  const { registry, gauge, gaugeOf, counter, labelled, counterOf } = made;
  const registers = [registry];
  new Gauge({
    name: 'realtime_build_info',
    help: 'The version of the service; the value is always 1. The version of Node is in nodejs_version_info',
    labelNames: ['version'],
    aggregator: 'first',
    registers,
  }).set({ version: VERSION }, 1);
  const opened = new Counter({
    name: 'realtime_connections_opened_total',
    help: 'Connections that were accepted',
    registers,
  });
  const connections = gauge('realtime_connections_total', 'Connections open now');
  const rooms = gauge('realtime_rooms_total', 'Rooms that have members on this pod now');
  let received = 0;
  let sent = 0;
  counterOf(
    'realtime_messages_received',
    'Messages of clients that passed all checks, and messages over HTTP that the broker took',
    () => received,
  );
  counterOf(
    'realtime_messages_sent',
    'Messages to rooms, each counted once for each member on this pod, and messages of replays',
    () => sent,
  );
  const publishErrors = counter(
    'realtime_redis_publish_errors',
    'Publishes that the broker did not take in time; in a reported outage none is sent to the broker or counted',
  );
  const delivery = histogram(
    'realtime_delivery_seconds',
    'Time from the acceptance of a message until it is in the send buffers of all members on this pod',
    SECONDS,
  );
  const closes = labelled(
    'realtime_closes',
    'Connections that the server closed, by the code it sent',
    'code',
  );
  const rejected = labelled(
    'realtime_rejected',
    'Messages, requests (by HTTP status) and payloads that were refused',
    'code',
  );
  const connectionsLost = counter(
    'realtime_broker_connections_lost',
    'Connections to the broker that broke or were refused',
  );
  const brokerUp = gauge('realtime_broker_up', 'Whether messages reach all pods: 1 or 0', 'min');
  const probe = new Histogram({
    name: 'realtime_broker_probe_seconds',
    help: 'Round trip of a probe through the broker',
    buckets: SECONDS,
    registers,
  });
  const recoveries = labelled(
    'realtime_recoveries',
    'Resumes with a last_id, by their result',
    'result',
  );
  const gaps = counter(
    'realtime_gaps',
    'Gaps: 1 for a gap of one client, the members on this pod for a gap of a whole room',
  );
  const keysUnavailable = counter(
    'realtime_keys_unavailable',
    'Failed reads of the keys of JWT_JWKS_URL',
  );
  const hooks = labelled('realtime_hook_failures', 'Hooks of the application that failed', 'hook');
  const foldFailures = labelled(
    'realtime_event_failures',
    'Events that were not counted or logged, as the receiver of events (fold) failed',
    'fold',
  );
  const roomFailures = counter(
    'realtime_room_failures',
    'Rooms that ended by a bug of this service',
  );
  gaugeOf(
    'realtime_send_buffer_messages',
    'The most messages that waited for one connection since the last scrape',
    () => {
      const { peak } = backlog;
      backlog.peak = 0;
      return peak;
    },
    'max',
  );
  gaugeOf('realtime_send_buffer_bytes', 'Unsent bytes of all connections now', () => backlog.bytes);
  if (logBytes !== undefined)
    gaugeOf(
      'realtime_log_bytes',
      "Bytes of this pod's memory that the logs of rooms use",
      logBytes,
    );
  if (remembered !== undefined) {
    new Gauge({
      name: 'realtime_broker_remembered',
      help: 'Number of items remembered about messages that reached the members on this pod only, by kind',
      labelNames: ['what'],
      registers,
      collect() {
        for (const [what, count] of Object.entries(remembered())) this.set({ what }, count);
      },
    });
  }
  if (waiting !== undefined)
    gaugeOf(
      'realtime_broker_waiting_messages',
      'Messages that the broker has not answered yet',
      waiting,
    );
  if (unsentBytes !== undefined) gaugeOf(...WORKERS_UNSENT, unsentBytes);
  if (unstored !== undefined)
    gaugeOf(
      'realtime_archive_unstored_messages',
      'Messages that members have and the archive did not take in time; they are stored later',
      unstored,
    );
  const archived = archive === undefined ? undefined : archiveMetrics(made, archive);
  const sql = sqlOutbox === undefined ? undefined : sqlOutboxMetrics(made, sqlOutbox);
  brokerUp.set(0);
  const occupied = new Set<string>();

  const fold = (event: HubEvent): void => {
    switch (event._tag) {
      case 'Connected':
        opened.inc();
        return connections.inc();
      case 'Disconnected':
        if (event.code !== null) closes.inc({ code: event.code });
        return connections.dec();
      case 'HandshakeRefused':
      case 'RequestRefused':
        return rejected.inc({ code: event.status });
      case 'UpgradeTaken':
        return rejected.inc({ code: 'upgrade_taken' });
      case 'Received':
        received += event.messages;
        return;
      case 'Rejected':
        return rejected.inc({ code: event.code });
      case 'Delivered':
        sent += event.messages * event.members;
        for (const at of event.acceptedAt)
          delivery.observe(Math.max(0, event.handedAt - at) / 1000);
        return;
      case 'Recovered':
        sent += event.messages;
        return recoveries.inc({ result: event.result });
      case 'GapSent':
        return gaps.inc(event.members);
      case 'Occupied':
        if (event.room === GLOBAL) return;
        if (event.members > 0) occupied.add(event.room);
        else occupied.delete(event.room);
        return rooms.set(occupied.size);
      case 'RoomFailed':
        return roomFailures.inc();
      case 'HookFailed':
        return hooks.inc({ hook: event.hook });
      case 'FoldFailed':
        return foldFailures.inc({ fold: event.fold });
      case 'StatusChanged':
        return brokerUp.set(event.status._tag === 'Up' ? 1 : 0);
      case 'ConnectionLost':
        return connectionsLost.inc();
      case 'PublishFailed':
        return publishErrors.inc(event.messages);
      case 'KeysUnavailable':
        return keysUnavailable.inc();
      case 'PayloadDropped':
        return rejected.inc({ code: 'broker_payload' });
      case 'Refused':
      case 'NamesakeFound':
      // a denied request is counted by its answer: `HandshakeRefused`, `RequestRefused` or `Rejected`
      case 'Denied':
      case 'OriginRefused':
      case 'KeysUnsafe':
        return;
      case 'ProbeReturned':
        return probe.observe(event.seconds);
      case 'ArchiveInterrupted':
      case 'ArchiveRestored':
      case 'ArchiveStored':
      case 'ArchivePoison':
      case 'ArchivePruned':
      case 'ArchiveUpkeepFailed':
        return archived?.(event);
      case 'SqlOutboxOwned':
      case 'SqlOutboxInterrupted':
      case 'SqlPublished':
      case 'SqlRefused':
      case 'SqlRejected':
        return sql?.(event);
    }
  };

  return {
    text: async () => `${await registry.metrics()}${delivery.text()}`,
    json: async () => [...(await registry.getMetricsAsJSON()), delivery.json()],
    contentType: registry.contentType,
    fold,
  };
};
