/** The events and gauges of the archive as metrics. Without an archive there are none. */
import { Histogram } from 'prom-client';
import type { Archive } from '../history/archive/port.js';
import type { ArchiveHubEvent } from '../hub-event.js';
import type { Instruments } from './instruments.js';

/** From an INSERT of one row to an INSERT that was cancelled and tried again. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** An INSERT has 1,000 messages at most, unless one call of `store` has more. */
const MESSAGES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/** Counts one event. */
export const archiveMetrics = (
  { registry, gauge, gaugeOf, counter }: Instruments,
  { gauges }: Pick<Archive, 'gauges'>,
): ((event: ArchiveHubEvent) => void) => {
  const registers = [registry];
  const up = gauge('realtime_archive_up', 'Whether the archive takes messages: 1 or 0', 'min');
  const stored = counter('realtime_archive_messages_stored', 'Messages that were stored');
  const poison = counter(
    'realtime_archive_poison_messages',
    'Messages that cannot be stored, and were set aside in the table rejected',
  );
  const upkeepFailures = counter(
    'realtime_archive_upkeep_failures',
    'How often partitions were not made in advance, or old ones not dropped',
  );
  const seconds = new Histogram({
    name: 'realtime_archive_batch_seconds',
    help: 'Time to store the messages of one INSERT',
    buckets: SECONDS,
    registers,
  });
  const messages = new Histogram({
    name: 'realtime_archive_batch_messages',
    help: 'Messages of one INSERT',
    buckets: MESSAGES,
    registers,
  });
  gaugeOf(
    'realtime_archive_waiting_messages',
    'Messages that are not stored yet',
    () => gauges().messages,
  );
  gaugeOf(
    'realtime_archive_waiting_bytes',
    'Bytes of the messages that are not stored yet',
    () => gauges().bytes,
  );
  gaugeOf('realtime_archive_pages', 'Pages that are being read', () => gauges().pages);
  up.set(0);

  return (event) => {
    switch (event._tag) {
      case 'ArchiveInterrupted':
        return up.set(0);
      case 'ArchiveRestored':
        return up.set(1);
      case 'ArchiveStored':
        stored.inc(event.messages);
        messages.observe(event.messages);
        return seconds.observe(event.seconds);
      case 'ArchivePoison':
        return poison.inc();
      case 'ArchiveUpkeepFailed':
        return upkeepFailures.inc();
      case 'ArchivePruned':
        return;
    }
  };
};
