/** The times that `at=` takes. */
import fc from 'fast-check';
import t from 'tap';
import { MAX_MS, timeIn } from '../../lib/http/history-time.js';

const NOON = Date.UTC(2026, 0, 15, 12);

t.test('when a text is a time of RFC 3339, then it is read', async (t) => {
  const times: Readonly<Record<string, number>> = {
    '2026-01-15T12:00:00Z': NOON,
    '2026-01-15t12:00:00z': NOON,
    '2026-01-15T12:00:00.5Z': NOON + 500,
    '2026-01-15T12:00:00.057Z': NOON + 57,
    '2026-01-15T13:30:00+01:30': NOON,
    '2026-01-15T11:00:00-01:00': NOON,
    '2026-01-15T11:59:60Z': NOON,
    '2024-02-29T00:00:00Z': Date.UTC(2024, 1, 29),
    '9999-12-31T23:59:59.999Z': Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  };
  for (const [text, ms] of Object.entries(times)) t.equal(timeIn(text), ms, text);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }),
      (ms) => timeIn(new Date(ms).toISOString()) === ms && timeIn(`${ms}`) === ms,
    ),
  );
});

t.test('when a time is between two milliseconds, then the later one counts', async (t) => {
  t.equal(timeIn('2026-01-15T12:00:00.0001Z'), NOON + 1);
  t.equal(timeIn('2026-01-15T12:00:00.001000Z'), NOON + 1);
  t.equal(timeIn('2026-01-15T11:59:59.9999999Z'), NOON);
});

t.test('when a time is before 1970, then every message is later', async (t) => {
  t.equal(timeIn('0001-01-01T00:00:00Z'), 0);
  t.equal(timeIn('1969-12-31T23:59:59Z'), 0);
});

t.test('when a text is a whole number, then it is Unix ms', async (t) => {
  t.equal(timeIn('0'), 0);
  t.equal(timeIn(`${NOON}`), NOON);
  t.equal(timeIn(`${MAX_MS}`), MAX_MS);
  t.equal(timeIn(`${MAX_MS + 1}`), undefined, 'no id has this time');
});

t.test('when a text is no time, then it is not read', async (t) => {
  for (const text of [
    '',
    'now',
    '-1',
    '1.5',
    '1e3',
    ' 1',
    '2026-01-15',
    '2026-01-15T12:00',
    '2026-01-15T12:00:00',
    '2026-01-15 12:00:00Z',
    '2026-01-15T13:00:00 01:00',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-15T24:00:00Z',
    '2026-01-15T12:60:00Z',
    '2026-01-15T12:00:61Z',
    '2026-01-15T12:00:00.Z',
    '2026-01-15T12:00:00+0100',
    '2026-01-15T12:00:00+24:00',
    '12026-01-15T12:00:00Z',
  ])
    t.equal(timeIn(text), undefined, text);
});
