import { defer, NEVER, of } from 'rxjs';
import t from 'tap';
import { circuit } from '../../../lib/history/archive/circuit.js';
import { type Failure, failureOf } from '../../../lib/history/archive/failure.js';
import { virtualClock } from '../../support/virtual-clock.js';

const BROKEN = failureOf(new Error('broken'), true);
const SILENT = failureOf(new Error('Query read timeout'), true);

/** A probe that fails with these failures, one after the other, and then succeeds. */
const world = (...failures: readonly Failure[]) => {
  const clock = virtualClock();
  const answers = [...failures];
  const log: string[] = [];
  const made = circuit({
    clock,
    probe$: defer(() => {
      log.push('probe');
      return of(answers.shift());
    }),
    interrupted: ({ _tag, detail }) => log.push(`interrupted: ${_tag}, ${detail}`),
    restored: () => log.push('restored'),
  });
  return { clock, log, made };
};

t.test('when it opens, then calls are refused until the first probe has succeeded', async (t) => {
  const { clock, log, made } = world(BROKEN, BROKEN, BROKEN);
  t.equal(made.refusal()?._tag, 'Unavailable');
  made.open();
  t.match(made.refusal(), { _tag: 'Unavailable', detail: 'broken' });
  clock.advance(200);
  const interrupted = 'interrupted: Unavailable, broken';
  t.strictSame(
    log,
    ['probe', interrupted, 'probe', 'probe', 'probe', 'restored'],
    'within 50 + 50 + 100 ms',
  );
  t.equal(made.refusal(), undefined);
  t.equal(clock.pending(), 0);
});

t.test(
  'when a call gets no answer, then what waits is interrupted, and a probe follows',
  async (t) => {
    const { clock, log, made } = world();
    made.open();
    made.failed(SILENT);
    t.match(made.refusal(), { _tag: 'Unavailable', detail: /^Query read timeout/ });
    clock.advance(50);
    t.strictSame(log, [
      'probe',
      'restored',
      `interrupted: Unavailable, ${SILENT.detail}`,
      'probe',
      'restored',
    ]);
  },
);

t.test('when a connection breaks once, then calls go on', async (t) => {
  const { log, made } = world();
  made.open();
  made.failed(BROKEN);
  made.succeeded();
  made.failed(BROKEN);
  t.equal(made.refusal(), undefined);
  made.failed(BROKEN);
  t.equal(made.refusal()?._tag, 'Unavailable');
  t.equal(log.length, 3);
});

t.test('when PostgreSQL is down for a minute, then it is probed about once a second', async (t) => {
  const { clock, log, made } = world(...Array.from({ length: 200 }, () => BROKEN));
  made.open();
  clock.advance(60_000);
  t.ok(log.length > 60 && log.length < 130, `${log.length} probes`);
  t.equal(clock.pending(), 1);
});

t.test('when it is closed, then no probe follows, and calls are refused', async (t) => {
  const { clock, log, made } = world(BROKEN);
  made.open();
  made.close();
  clock.advance(10_000);
  t.strictSame(log, ['probe', 'interrupted: Unavailable, broken']);
  t.match(made.refusal(), { _tag: 'Unavailable', detail: 'the archive is closed' });
  t.equal(clock.pending(), 0);
  const waiting = circuit({ clock, probe$: NEVER, interrupted: t.fail, restored: t.fail });
  waiting.open();
  waiting.close();
  waiting.failed(SILENT);
});
