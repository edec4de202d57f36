/** What the documents say about credentials, from the rows of the table of routes. */
import t from 'tap';
import {
  ACCESS,
  needOf,
  needsCredentials,
  SECURITY_SCHEMES,
  securityOf,
} from '../../lib/documents/access.js';
import type { DocumentedRoute } from '../../lib/documents/operation.js';
import { STATS } from '../../lib/http/pod-operations.js';
import { SOCKET } from '../../lib/http/socket-operations.js';

const row = (auth: DocumentedRoute['auth'], operation = STATS): DocumentedRoute => ({
  method: 'GET',
  path: '/a',
  auth,
  operation,
});
const names = Object.keys(SECURITY_SCHEMES);

t.test('when the service asks for tokens, then each endpoint names what it needs', async (t) => {
  t.match(needOf(row('operator'), true), /`X-API-Key`, or a token whose `scope` contains `admin`/);
  t.match(needOf(row('room'), true), /`X-API-Key`, or a token that may join the room/);
  t.match(needOf(row('token'), true), /`X-API-Key`, or any valid token/);
  t.equal(needOf(row('none'), true), undefined);
  t.match(needOf(row('none', SOCKET), true), /The handshake needs/);
  for (const auth of ['operator', 'room', 'token', 'none'] as const) {
    t.equal(needOf(row(auth), false), undefined);
    t.same(securityOf(row(auth, SOCKET), false), []);
  }
});

t.test(
  'when a token is needed, then all kinds are allowed; a plain GET of a socket needs none',
  async (t) => {
    const kindsOf = (route: DocumentedRoute) => securityOf(route, true).flatMap(Object.keys);
    t.same(kindsOf(row('token')), names);
    t.same(kindsOf(row('none', SOCKET)), names);
    t.same(securityOf(row('none'), true), []);
    t.equal(needsCredentials({ security: securityOf(row('token'), true) }), true);
    t.equal(needsCredentials({ security: securityOf(row('none', SOCKET), true) }), false);
    t.equal(needsCredentials({ security: [] }), false);
  },
);

t.test(
  'when the section on access is read, then it names every way to send credentials',
  async (t) => {
    for (const way of [
      'X-API-Key: KEY',
      'Authorization: Bearer TOKEN',
      '?token=TOKEN',
      'bearer.TOKEN',
    ])
      t.ok(ACCESS.join(' ').includes(way), way);
  },
);
