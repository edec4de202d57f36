/** Signs a token with HS256, for development: in production the application's backend does that. */
import { SignJWT } from 'jose';
import { createSecretKey } from 'node:crypto';
import type { Config } from '../config/index.js';

export interface Claimed {
  readonly sub: string;
  /** Absent: all rooms. */
  readonly rooms?: {
    readonly join: true | readonly string[];
    readonly publish?: true | readonly string[];
    readonly global?: true;
  };
  readonly scope?: 'admin';
}

/** `nowS`: seconds since 1970. The issuer and the audience are those that the service expects. */
export const developmentToken = (
  { jwtSecret, jwtIssuer: iss, jwtAudience: aud }: Config['access'],
  claimed: Claimed,
  nowS: number,
  seconds: number,
): Promise<string> =>
  new SignJWT({
    ...claimed,
    ...(iss === '' ? {} : { iss }),
    ...(aud === '' ? {} : { aud }),
    iat: nowS,
    exp: nowS + seconds,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(createSecretKey(jwtSecret, 'utf8'));
