/**
 * The token of a connection: its states, `refresh`, and an operator's disconnect.
 *
 * Source: it subscribes to the verification of a new token, and ends with `command$`.
 */
import { type Either, isLeft } from 'fp-ts/lib/Either.js';
import { type Denial, type Identity, refusalOf, renewed } from '../auth/index.js';
import { type AuthState, REVOKED, type TokenSession } from '../auth/token-session.js';
import type { ClientMessage } from '../protocol/client-message.js';
import { CLOSE } from '../protocol/close-codes.js';
import { formatId } from '../protocol/position.js';
import { nextControlId } from './control-id.js';
import { applyRights } from './memberships.js';
import { beginWait, endWait, takePaused } from './pace.js';
import { noToken } from './refusals.js';
import { refuse } from './sender.js';
import type { ConnectionState } from './state.js';

type Refresh = Extract<ClientMessage, { readonly type: 'refresh' }>;

const WRONG_USER: Denial = { _tag: 'WrongUser' };

export const onAuthState = (connection: ConnectionState, now: AuthState): void => {
  switch (now._tag) {
    case 'Valid':
      return applyRights(connection, now.identity);
    case 'Expiring':
      return connection.send({
        event: 'token_expiring',
        expires_at: new Date(now.expiresAt).toISOString(),
      });
    case 'Expired':
      return connection.close(CLOSE.tokenExpired);
    case 'Revoked':
      return connection.close(CLOSE.operator);
  }
};

export const revoke = (connection: ConnectionState): void => {
  // an identity that does not expire has no session
  if (connection.tokenSession === undefined) onAuthState(connection, REVOKED);
  else connection.tokenSession.revoke();
};

/** Later frames wait for the verification, and the new rights apply to them. */
export const refresh = (connection: ConnectionState, { token, ref }: Refresh): void => {
  const { tokenSession, deps } = connection;
  if (tokenSession === undefined) return refuse(connection, noToken(ref));
  beginWait(connection);
  connection.hub?.add(
    deps.access.authenticate({ token }).subscribe((found) => {
      onRefreshed(connection, found, tokenSession, ref);
      endWait(connection);
      takePaused(connection);
    }),
  );
};

const onRefreshed = (
  connection: ConnectionState,
  found: Either<Denial, Identity>,
  tokenSession: TokenSession,
  ref: string | undefined,
): void => {
  if (isLeft(found)) return refuse(connection, refusalOf(found.left, ref));
  if (found.right.userId !== connection.userId) {
    connection.deps.emit({ _tag: 'Denied', denial: WRONG_USER });
    return refuse(connection, refusalOf(WRONG_USER, ref));
  }
  if (ref !== undefined) {
    const id = formatId(nextControlId(connection));
    connection.send({ event: 'ack', ref, id, duplicate: false });
  }
  tokenSession.renew(renewed(connection.identity, found.right));
};
