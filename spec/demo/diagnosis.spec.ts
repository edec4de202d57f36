/** Why a page cannot connect. */
import t from 'tap';
import { type Ask, diagnosis } from '../../demo/diagnosis.js';

const answering =
  (status: number): Ask =>
  async () => ({ status });

t.test('when a WebSocket fails, then the answer over HTTP says why', async (t) => {
  for (const [ask, text] of [
    [answering(401), /refuses the token/],
    [answering(200), /WebSocket fails.*Upgrade/],
    [answering(502), /HTTP 502/],
    [() => Promise.reject(new TypeError('failed')), /does not answer/],
  ] as const)
    t.match(await diagnosis(ask, 'http://h/b', ''), text);
});

t.test('when there is a token, then it is sent in a header, and never in the URL', async (t) => {
  const asked: Parameters<Ask>[] = [];
  const ask: Ask = async (...args) => {
    asked.push(args);
    return { status: 200 };
  };
  await diagnosis(ask, 'http://h/b', 'TOKEN');
  await diagnosis(ask, 'http://h/b', '');
  t.same(asked, [
    ['http://h/b/ws/stats', { headers: { Authorization: 'Bearer TOKEN' } }],
    ['http://h/b/ws/stats', { headers: {} }],
  ]);
});
