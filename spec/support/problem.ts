/**
 * Checks that a refusal over HTTP is a problem (RFC 9457) that no cache keeps and whose type no browser
 * guesses.
 */
import type { Test } from 'tap';
import type { HttpAnswer } from './pod.js';

/** `detail` tests the text of the problem, `what` names the request in a failure. */
export const isProblem = (
  t: Test,
  { status, headers, body }: HttpAnswer,
  wanted: number,
  detail?: RegExp | string,
  what = body.slice(0, 200),
): void => {
  t.equal(status, wanted, what);
  t.match(headers['content-type'], 'application/problem+json', what);
  t.equal(headers['cache-control'], 'no-store', what);
  t.equal(headers['x-content-type-options'], 'nosniff', what);
  const problem = JSON.parse(body) as Readonly<Record<string, unknown>>;
  t.equal(problem['status'], wanted, what);
  const { title, detail: text } = problem;
  t.ok(typeof title === 'string' && title !== '' && title !== 'Error', what);
  t.ok(typeof text === 'string' && text !== '', what);
  if (detail !== undefined) t.match(text, detail);
};
