/** Which problems an operation may answer with, from its row. */
import * as c from 'io-ts';
import t from 'tap';
import type { DocumentedRoute, Operation } from '../../lib/documents/operation.js';
import { problemsOf } from '../../lib/documents/problems.js';

const operation: Operation = {
  id: 'a',
  tag: 'pod',
  summary: '',
  answers: { 200: { description: '' } },
  examples: [],
};
const row = (more: Partial<DocumentedRoute> = {}): DocumentedRoute => ({
  method: 'GET',
  path: '/a',
  auth: 'none',
  operation,
  ...more,
});
const statuses = (route: DocumentedRoute, isSecured = true): string =>
  Object.keys(problemsOf(route, isSecured)).join(' ');

t.test('when a row has tokens, parameters or a body, then their problems follow', async (t) => {
  t.equal(statuses(row()), '');
  t.equal(statuses(row({ parameters: [] })), '400', 'an unknown parameter is refused');
  t.equal(statuses(row({ path: '/a/:id' })), '400');
  t.equal(statuses(row({ auth: 'token' })), '400 401 503');
  t.equal(statuses(row({ auth: 'token' }), false), '', 'without tokens');
  for (const auth of ['operator', 'room'] as const)
    t.equal(statuses(row({ auth })), '400 401 403 503');
  t.equal(statuses(row({ refusedWhileDraining: true })), '503');
  t.equal(statuses(row({ operation: { ...operation, body: c.string } })), '400 408 413 415 503');
});

t.test('when an operation has a problem of its own, then its text counts', async (t) => {
  const own = {
    ...operation,
    answers: { 400: { description: 'own' }, 404: { description: 'none' } },
  };
  t.match(problemsOf(row({ parameters: [], operation: own }), true), {
    400: { description: 'own' },
    404: { description: 'none' },
  });
});
