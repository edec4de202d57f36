/** What clients get when Redis fails: real processes, real faults (`support/faults.ts`), bounds of time. */
import t from 'tap';
import { FAULTS } from './support/fault-cases.js';
import { type Row, sufferAll } from './support/faults.js';
import { tableOf } from './support/fault-table.js';

const DEGRADED_MS = 3_000;
const RESTORED_MS = 2_000;
/** Of a message to the pod's own members while nobody else is reached. */
const ON_POD_MS = 1_000;
const GAP_MS = 2_000;

const rows = await sufferAll(FAULTS, 3);
t.comment(`\n${tableOf(rows)}`);

const row = (name: string): Row => {
  const found = rows.find((row) => row.name === name);
  if (found === undefined) throw new Error(`no row: ${name}`);
  return found;
};

for (const { name, isOutage, degradedBarMs = DEGRADED_MS } of FAULTS) {
  t.test(name, async (t) => {
    const { clients, degraded, restored, verdict, ...measured } = row(name);
    t.strictSame(
      verdict.faults,
      [],
      'no hole unsaid, nothing twice, one order, nothing that nobody said',
    );
    t.equal(verdict.missingWithoutGap, 0);
    t.equal(verdict.doubled, 0);
    t.equal(verdict.refused + verdict.unanswered, 0, 'each message was acknowledged');
    t.equal(verdict.acked, verdict.sent);
    t.ok(
      verdict.sent > 500 && verdict.delivered > 2_000,
      `${verdict.sent} said, ${verdict.delivered} heard`,
    );
    t.equal(measured.closed, 0, 'no socket was closed');
    t.equal(measured.podsEnded, 0, 'no pod ended');
    t.equal(measured.flaps, 0, 'it came and went once');
    t.equal(measured.repeated, 0, 'nobody was told twice');
    if (!isOutage) {
      t.equal(degraded.clients, restored.clients, 'who was told the one was told the other');
      return;
    }
    t.equal(degraded.clients, clients, 'everybody was told `degraded`');
    t.ok((degraded.ms ?? Infinity) <= degradedBarMs, `after ${degraded.ms} ms`);
    t.equal(restored.clients, clients, 'everybody was told `restored`');
    t.ok((restored.ms ?? Infinity) <= RESTORED_MS, `after ${restored.ms} ms`);
    t.ok(verdict.ackedOnPod > 0, `${verdict.ackedOnPod} reached the pod alone`);
    t.ok(measured.sentDegraded > 20, `${measured.sentDegraded} were said while it was degraded`);
    t.ok(
      measured.slowestDegradedMs < ON_POD_MS,
      `and acknowledged within ${measured.slowestDegradedMs} ms`,
    );
  });
}

t.test('when Redis lost its log, then every client gets a gap', async (t) => {
  const { clients, gaps, gapReceived } = row('Redis restarted empty');
  t.equal(gapReceived.clients, clients);
  t.ok((gaps['log_lost'] ?? 0) >= 2 * clients, 'in the room and in the global log');
  t.ok((gapReceived.ms ?? Infinity) <= GAP_MS, `after ${gapReceived.ms} ms`);
});

t.test('when Redis kept its log, then no client gets a gap of a lost log', async (t) => {
  for (const { name, gaps } of rows)
    if (name !== 'Redis restarted empty' && !name.startsWith('Sentinel'))
      t.notOk(gaps['log_lost'], name);
});
