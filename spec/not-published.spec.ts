/** The errors with which `publish` of an app rejects. */
import t from 'tap';
import { NotPublished, notPublished } from '../lib/not-published.js';

const CAUSE = new Error('no database');

for (const [why, error, code, message] of [
  ['the app has ended', { _tag: 'Ended' }, 'ended', /make a new one with app\(\)$/],
  ['the key has other data', { _tag: 'KeyReused' }, 'key_reused', /use a new key$/],
  ['the broker failed', { _tag: 'Unavailable', detail: 'full' }, 'unavailable', /^full$/],
  ['the hook refused', { _tag: 'Rejected', text: 'no links' }, 'rejected', /^no links$/],
  [
    'the hook threw',
    { _tag: 'Failed', how: 'threw', error: CAUSE },
    'hook_failed',
    /^the application failed/,
  ],
  [
    'the hook was late',
    { _tag: 'Failed', how: 'late', error: CAUSE },
    'hook_failed',
    /did not answer within 1 s/,
  ],
] as const)
  t.test(`when ${why}, then the error has the code ${code}`, async (t) => {
    const rejection = notPublished(error);
    t.ok(rejection instanceof NotPublished && rejection instanceof Error);
    t.match(rejection, { name: 'NotPublished', code, message });
    // the exception of a hook is for the program alone, so it is no part of the text
    t.equal(rejection.cause, code === 'hook_failed' ? CAUSE : undefined);
    t.notMatch(rejection.message, CAUSE.message);
  });
