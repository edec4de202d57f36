/** The metrics of `chat_publish`: each event, and what is in memory. */
import t from 'tap';
import { metrics } from '../../lib/telemetry/metrics.js';

const BACKLOG = { peak: 0, bytes: 0 };

t.test('when messages of chat_publish are published, then they are counted', async (t) => {
  const sqlOutbox = { rows: () => 7, isOwner: () => true };
  const { fold, text } = metrics(BACKLOG, {}, sqlOutbox);
  fold({ _tag: 'SqlOutboxOwned' });
  fold({ _tag: 'SqlPublished', messages: 3, seconds: 0.02 });
  fold({ _tag: 'SqlRefused', detail: 'full' });
  fold({ _tag: 'SqlRejected', detail: 'bad' });
  fold({ _tag: 'SqlOutboxInterrupted', detail: 'cut' });
  const lines = (await text()).split('\n');
  for (const line of [
    'realtime_sql_outbox_owner 1',
    'realtime_sql_outbox_rows 7',
    'realtime_sql_outbox_published 3',
    'realtime_sql_outbox_refused 1',
    'realtime_sql_outbox_rejected 1',
    'realtime_sql_outbox_interrupted 1',
    'realtime_sql_outbox_seconds_bucket{le="0.025"} 1',
  ])
    t.ok(lines.includes(line), line);
});

t.test('when there is no PostgreSQL, then there are no such metrics', async (t) => {
  const { fold, text } = metrics(BACKLOG, {});
  fold({ _tag: 'SqlRefused', detail: 'full' });
  t.notMatch(await text(), /sql_outbox/);
});
