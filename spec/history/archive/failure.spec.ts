import t from 'tap';
import { errorOf, failureOf } from '../../../lib/history/archive/failure.js';

const coded = (code: string, text = 'refused'): Error => Object.assign(new Error(text), { code });

t.test('when PostgreSQL answers with a code, then the code decides', async (t) => {
  for (const [code, kind] of [
    ['22021', 'BadRow'],
    ['22P02', 'BadRow'],
    ['23505', 'BadRow'],
    ['54000', 'BadRow'],
    ['40P01', 'Conflict'],
    ['55P03', 'Conflict'],
    ['57014', 'Cancelled'],
    ['57P01', 'Broken'],
    ['57P03', 'Broken'],
    ['08006', 'Broken'],
    ['25006', 'Broken'],
    ['53300', 'Broken'],
    ['42P01', 'Refused'],
    ['42501', 'Refused'],
    ['53100', 'Refused'],
    ['28P01', 'Refused'],
    ['XX000', 'Refused'],
  ] as const)
    t.match(failureOf(coded(code), true), { kind, detail: `refused (${code})` }, code);
  t.equal(failureOf(coded('23514', 'no partition of relation'), true).kind, 'NoPartition');
  t.equal(failureOf(coded('23514', 'violates check constraint'), true).kind, 'BadRow');
});

t.test('when the connection fails, then a statement that was sent may have run', async (t) => {
  t.match(failureOf(coded('ECONNREFUSED'), false), { kind: 'Broken', mayHaveRun: false });
  t.match(failureOf(coded('ECONNRESET'), true), { kind: 'Broken', mayHaveRun: true });
  t.match(failureOf(new Error('Query read timeout'), true), { kind: 'Silent', mayHaveRun: true });
  t.match(failureOf(new Error('timeout expired'), false), { kind: 'Broken', mayHaveRun: false });
  t.match(failureOf(coded('57P01'), true), { kind: 'Broken', mayHaveRun: true });
  t.match(failureOf(coded('25006'), true), { kind: 'Broken', mayHaveRun: false });
  t.match(failureOf(coded('57014'), true), { kind: 'Cancelled', mayHaveRun: false });
  t.match(failureOf('text', true), { kind: 'Broken', detail: 'text' });
});

t.test(
  'when a caller is answered, then it knows whether to ask again or an operator',
  async (t) => {
    t.equal(errorOf(failureOf(coded('ECONNREFUSED'), false))._tag, 'Unavailable');
    t.equal(errorOf(failureOf(coded('ECONNRESET'), true))._tag, 'Unsure');
    t.equal(errorOf(failureOf(coded('42P01'), true))._tag, 'Refused');
    t.equal(errorOf(failureOf(coded('57014'), true))._tag, 'Unavailable');
  },
);
