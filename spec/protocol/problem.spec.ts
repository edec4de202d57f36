/** Problems of HTTP, as every writer sends them. */
import fc from 'fast-check';
import t from 'tap';
import { problem, renderProblem } from '../../lib/protocol/problem.js';

t.test(
  'when any problem is rendered, then Content-Length is the number of its bytes, and no cache keeps it',
  async (t) => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (detail, more) => {
          const { headers, body } = renderProblem(problem(400, detail), more);
          return (
            Number(headers['Content-Length']) === Buffer.byteLength(body) &&
            headers['Cache-Control'] === 'no-store' &&
            typeof JSON.parse(body) === 'object'
          );
        },
      ),
    );
    t.match(JSON.parse(renderProblem(problem(503, 'later'), { ids: ['a'] }).body), {
      status: 503,
      title: 'Service Unavailable',
      detail: 'later',
      ids: ['a'],
    });
    t.match(renderProblem(problem(503, 'later', { 'Retry-After': '1' })).headers, {
      'Retry-After': '1',
      'Content-Type': 'application/problem+json',
    });
  },
);
