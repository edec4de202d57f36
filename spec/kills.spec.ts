/** A connection to Redis that breaks is no outage: killed ten times in two seconds under load, on each kind of Redis. */
import t from 'tap';
import { sufferAll } from './support/faults.js';
import { tableOf } from './support/fault-table.js';
import { kills } from './support/kills.js';

t.setTimeout(300_000);

const cases = kills({ times: 10 });
const rows = await sufferAll(cases, 1);
t.comment(`\n${tableOf(rows)}`);

for (const { name, verdict, degraded, gaps, closed, podsEnded, ackMs } of rows) {
  t.test(name, async (t) => {
    t.strictSame(
      verdict.faults,
      [],
      'no hole unsaid, nothing twice, one order, nothing that nobody said',
    );
    t.equal(verdict.ackedOnPod, 0, 'no ack says that it reached one pod alone');
    t.equal(verdict.acked, verdict.sent, 'each was acknowledged');
    t.equal(verdict.missingWithGap + verdict.missingWithoutGap, 0, 'everybody got everything');
    t.equal(verdict.doubled, 0);
    t.equal(degraded.clients, 0, 'nobody was told an outage');
    t.same(gaps, {});
    t.equal(closed + podsEnded, 0);
    t.ok(verdict.sent > 500, `${verdict.sent} said, acknowledged after ${ackMs.join(', ')} ms`);
  });
}
