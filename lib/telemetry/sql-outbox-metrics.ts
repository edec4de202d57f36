/** The events and gauges of `chat_publish` as metrics. Without PostgreSQL there are none. */
import { Histogram } from 'prom-client';
import type { SqlOutboxEvent } from '../broker/sql-outbox/sql-outbox-event.js';
import type { SqlPublisher } from '../broker/sql-outbox/sql-publisher.js';
import type { Instruments } from './instruments.js';

/** A transaction may take its time between the call and the commit. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts one event. */
export const sqlOutboxMetrics = (
  { registry, gaugeOf, counter }: Instruments,
  { rows, isOwner }: Pick<SqlPublisher, 'rows' | 'isOwner'>,
): ((event: SqlOutboxEvent) => void) => {
  gaugeOf(
    'realtime_sql_outbox_owner',
    'Whether this pod publishes the messages of chat_publish: 1 on one pod, else 0',
    () => Number(isOwner()),
  );
  gaugeOf('realtime_sql_outbox_rows', 'Messages of chat_publish in memory', rows);
  const published = counter(
    'realtime_sql_outbox_published',
    'Messages of chat_publish that were published',
  );
  const rejected = counter(
    'realtime_sql_outbox_rejected',
    'Messages of chat_publish that cannot be published, and were set aside in the table rejected',
  );
  const refused = counter(
    'realtime_sql_outbox_refused',
    'How often a message of chat_publish was refused; it is tried again',
  );
  const interrupted = counter(
    'realtime_sql_outbox_interrupted',
    'Connections for chat_publish that were lost or refused',
  );
  const seconds = new Histogram({
    name: 'realtime_sql_outbox_seconds',
    help: 'Time from the call of chat_publish to its publish, of the first message of each group',
    buckets: SECONDS,
    registers: [registry],
  });

  return (event) => {
    switch (event._tag) {
      case 'SqlOutboxOwned':
        return;
      case 'SqlOutboxInterrupted':
        return interrupted.inc();
      case 'SqlPublished':
        published.inc(event.messages);
        return seconds.observe(event.seconds);
      case 'SqlRefused':
        return refused.inc();
      case 'SqlRejected':
        return rejected.inc();
    }
  };
};
