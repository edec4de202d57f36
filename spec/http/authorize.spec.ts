/** Who may use an endpoint: its `auth` decides what is judged, and what the handler is given. */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import t from 'tap';
import { ANONYMOUS } from '../../lib/auth/from-config.js';
import type { Auth, Denial, Identity } from '../../lib/auth/index.js';
import { authorized } from '../../lib/http/authorize.js';
import type { Endpoint, Exchange } from '../../lib/http/endpoint.js';
import type { Problem } from '../../lib/protocol/problem.js';
import { requestOf } from '../support/requests.js';

const ALICE: Identity = {
  ...ANONYMOUS,
  userId: 'alice',
  rights: { join: ['general'], publish: 'all', global: true, admin: false },
};
const OPERATOR: Identity = { ...ALICE, rights: { ...ALICE.rights, admin: true } };

/** What the handler was given, or the status of the refusal. */
const answer = async (
  auth: Endpoint['auth'],
  found: Either<Denial, Identity>,
  room = 'general',
): Promise<unknown> => {
  const access: Auth = { enabled: true, authenticate: () => of(found) };
  const exchange = {
    request: { raw: requestOf('/') },
    params: { room },
    refuse: ({ status }: Problem) => status,
  } as unknown as Exchange;
  const handler = (_: Exchange, given?: unknown): unknown => given;
  const endpoint = { method: 'GET', path: '/', auth, handler } as Endpoint;
  return authorized(access, endpoint)(exchange);
};

t.test('when an endpoint needs no token, then no token is verified', async (t) => {
  t.equal(await answer('none', left({ _tag: 'Missing' })), undefined);
});

t.test('when a token is not valid, then every other endpoint refuses the request', async (t) => {
  for (const auth of ['token', 'operator', 'room'] as const) {
    t.equal(await answer(auth, left({ _tag: 'Untrusted' })), 401, auth);
    t.equal(await answer(auth, left({ _tag: 'Ambiguous', what: 'token' })), 400, auth);
    t.equal(await answer(auth, left({ _tag: 'Unavailable' })), 503, auth);
  }
});

t.test('when a token is valid, then the handler gets the identity', async (t) => {
  t.equal(await answer('token', right(ALICE)), ALICE);
});

t.test('when an endpoint needs an operator, then another user gets 403', async (t) => {
  t.equal(await answer('operator', right(ALICE)), 403);
  t.equal(await answer('operator', right(OPERATOR)), OPERATOR);
});

t.test(
  'when an endpoint is about a room, then the name of the room and the right to join it are checked',
  async (t) => {
    t.equal(await answer('room', right(ALICE)), 'general');
    t.equal(await answer('room', right(ALICE), 'other'), 403);
    t.equal(await answer('room', right(ALICE), 'no room'), 400);
  },
);
