/** The metrics of the archive: each event, and what waits. */
import t, { type Test } from 'tap';
import type { Archive } from '../../lib/history/archive/port.js';
import type { ArchiveHubEvent } from '../../lib/hub-event.js';
import { metrics } from '../../lib/telemetry/metrics.js';
import { wholeMetrics } from '../../lib/telemetry/whole-metrics.js';

const BACKLOG = { peak: 0, bytes: 0 };

const world = (gauges: Archive['gauges'] = () => ({ messages: 7, bytes: 900, pages: 2 })) => {
  const made = metrics(BACKLOG, { archive: { gauges } as Archive });
  return {
    json: made.json,
    /** The lines of the archive after these events. */
    after: async (...events: readonly ArchiveHubEvent[]): Promise<readonly string[]> => {
      for (const event of events) made.fold(event);
      return (await made.text()).split('\n').filter((line) => line.startsWith('realtime_archive_'));
    },
  };
};

const has = (t: Test, lines: readonly string[], ...expected: readonly string[]): void => {
  for (const line of expected) t.ok(lines.includes(line), line);
};

t.test('when batches are stored, then messages, sizes and seconds are counted', async (t) => {
  const { after } = world();
  has(
    t,
    await after(
      { _tag: 'ArchiveStored', messages: 3, seconds: 0.004 },
      { _tag: 'ArchiveStored', messages: 60, seconds: 0.2 },
    ),
    'realtime_archive_messages_stored 63',
    'realtime_archive_messages_stored_total 63',
    'realtime_archive_batch_seconds_bucket{le="0.005"} 1',
    'realtime_archive_batch_seconds_bucket{le="0.25"} 2',
    'realtime_archive_batch_seconds_count 2',
    'realtime_archive_batch_messages_bucket{le="5"} 1',
    'realtime_archive_batch_messages_bucket{le="100"} 2',
    'realtime_archive_batch_messages_sum 63',
  );
});

t.test(
  'when the archive is interrupted, then realtime_archive_up is 0 until the end',
  async (t) => {
    const { after } = world();
    const up = async (...events: readonly ArchiveHubEvent[]): Promise<string | undefined> =>
      (await after(...events)).find((line) => line.startsWith('realtime_archive_up '));
    t.equal(await up(), 'realtime_archive_up 0', 'it has not answered yet');
    t.equal(await up({ _tag: 'ArchiveRestored' }), 'realtime_archive_up 1');
    t.equal(
      await up({ _tag: 'ArchiveInterrupted', reason: 'Unavailable', detail: '' }),
      'realtime_archive_up 0',
    );
  },
);

t.test('when a message is poison or upkeep fails, then it is counted', async (t) => {
  const { after } = world();
  has(
    t,
    await after(
      { _tag: 'ArchivePoison', id: 'x', detail: '' },
      { _tag: 'ArchiveUpkeepFailed', detail: '' },
      { _tag: 'ArchivePruned', days: 3 },
    ),
    'realtime_archive_poison_messages_total 1',
    'realtime_archive_upkeep_failures_total 1',
  );
});

t.test('when something waits, then the gauges are read at each scrape', async (t) => {
  const now = { messages: 7, bytes: 900, pages: 2 };
  const { after } = world(() => now);
  const gauges = ['waiting_messages 7', 'waiting_bytes 900', 'pages 2'];
  has(t, await after(), ...gauges.map((line) => `realtime_archive_${line}`));
  now.messages = 8;
  has(t, await after(), 'realtime_archive_waiting_messages 8');
});

t.test('when there is no archive, then there is no metric of it', async (t) => {
  const made = metrics(BACKLOG, {});
  made.fold({ _tag: 'ArchiveRestored' });
  t.notMatch(await made.text(), /realtime_archive/);
});

t.test('when workers report, then one that is interrupted makes the whole 0', async (t) => {
  const [one, two] = [world(), world()];
  await one.after(
    { _tag: 'ArchiveRestored' },
    { _tag: 'ArchiveStored', messages: 3, seconds: 0.004 },
  );
  await two.after({ _tag: 'ArchiveStored', messages: 4, seconds: 0.004 });
  const text = await wholeMetrics([await one.json(), await two.json()]);
  has(
    t,
    text.split('\n'),
    'realtime_archive_up 0',
    'realtime_archive_messages_stored_total 7',
    'realtime_archive_batch_seconds_count 2',
    'realtime_archive_waiting_messages 14',
  );
});
