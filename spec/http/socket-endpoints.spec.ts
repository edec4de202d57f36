/** The paths of WebSockets, requested without an upgrade. */
import t from 'tap';
import { socketEndpoints } from '../../lib/http/socket-endpoints.js';
import { endpointAt, exchangeOf, handled } from '../support/exchange.js';

const ENDPOINTS = socketEndpoints('/b');

const get = (path: string, rest?: string, { query = {}, shouldKeepAlive = true } = {}) =>
  handled(
    endpointAt(ENDPOINTS, `GET ${path}`),
    exchangeOf({
      params: rest === undefined ? {} : { '*': rest },
      query,
      raw: { shouldKeepAlive },
    }),
  );

t.test('when a socket path is requested without an upgrade, then the answer is 426', async (t) => {
  const upgrade = { Upgrade: 'websocket', Connection: 'Upgrade' };
  for (const answered of [await get('/b/ws'), await get('/b/ws/*', 'general')])
    t.strictSame([answered.status, answered.headers], [426, upgrade]);
});

t.test('when the connection is not kept alive, then the answer says that it closes', async (t) => {
  const { headers } = await get('/b/ws', undefined, { shouldKeepAlive: false });
  t.equal(headers?.['Connection'], 'Upgrade, close');
});

t.test('when a path ends with a slash, then the slash is named', async (t) => {
  for (const rest of ['general/', 'a/b/', ''])
    t.match(await get('/b/ws/*', rest), { status: 400, body: { detail: /slash/ } }, rest);
});

t.test(
  'when the last segment is no name of a room, then the answer has the rule for names',
  async (t) => {
    for (const rest of ['no room', 'a/b', 'x'.repeat(1_000)])
      t.match(await get('/b/ws/*', rest), { status: 400, body: { detail: /^room: a name has / } });
  },
);

t.test('when the query has a room, then its name is checked before the upgrade', async (t) => {
  for (const [room, status] of [
    ['general', 426],
    ['', 426],
    ['stats', 400],
    ['no room', 400],
    [['general', 'a/b'], 400],
  ] as const)
    for (const rest of [undefined, 'general'])
      t.match(
        await get(rest === undefined ? '/b/ws' : '/b/ws/*', rest, { query: { room } }),
        { status },
        `${String(room)} ${rest ?? ''}`,
      );
});
