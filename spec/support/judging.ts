/** Verifies tokens and keys with the access that a configuration gives. */
import * as E from 'fp-ts/lib/Either.js';
import { firstValueFrom, NEVER } from 'rxjs';
import { authOf } from '../../lib/auth/from-config.js';
import {
  type Auth,
  type Credentials,
  type Denial,
  type Identity,
  type Rights,
} from '../../lib/auth/index.js';
import { systemClock } from '../../lib/clock.js';
import { type Config, configOf, type DeepPartial } from '../../lib/config/index.js';
import { SECRET, tokenOf } from './tokens.js';

export const accessWith = (access: DeepPartial<Config['access']>): Auth => {
  const config = configOf({ access: { authEnabled: true, ...access } });
  if (E.isLeft(config)) throw new Error(JSON.stringify(config.left));
  return authOf({
    config: config.right,
    clock: systemClock,
    emit: () => undefined,
    keepClaims: false,
    ended$: NEVER,
  });
};

export type Judged = E.Either<Denial, Identity>;

export const judge = (access: Auth, credentials: Credentials): Promise<Judged> =>
  firstValueFrom(access.authenticate(credentials));

/** The tag of the denial, or the user. */
export const outcomeOf = (judged: Judged): string =>
  E.isLeft(judged) ? judged.left._tag : `${judged.right.userId}`;

export const bySecret = accessWith({ jwtSecret: SECRET });

// rights

export const rightsOf = async (claims: object): Promise<Rights> => {
  const judged = await judge(bySecret, { token: tokenOf(claims) });
  if (E.isLeft(judged)) throw new Error(judged.left._tag);
  return judged.right.rights;
};
