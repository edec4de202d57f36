/** Settings of authentication: the keys that verify tokens and programs, and who may publish to everyone. */
import {
  boolean,
  list,
  matching,
  oneOf,
  optional,
  publicKeys,
  sharedSecret,
  text,
  url,
} from '../formats.js';
import { secret, setting } from '../setting.js';

export const access = {
  authEnabled: setting(
    'AUTH_ENABLED',
    false,
    boolean,
    'Whether a token or a key is needed. With false anyone who reaches the pod may do everything.',
  ),
  jwtSecret: secret(
    'JWT_SECRET',
    sharedSecret,
    'The secret of HS256 tokens: 32 random bytes or more.',
  ),
  jwtPublicKey: secret(
    'JWT_PUBLIC_KEY',
    optional(publicKeys),
    'The public key of RS256, ES256 or EdDSA tokens: PEM (\\n for line ends), JWK or JWKS.',
  ),
  jwtJwksUrl: setting(
    'JWT_JWKS_URL',
    '',
    optional(url('https:', 'http:')),
    'Where the public keys of tokens are published, as JWKS.',
  ),
  jwtIssuer: setting('JWT_ISSUER', '', text, 'The iss that a token must have; empty: any.'),
  jwtAudience: setting('JWT_AUDIENCE', '', text, 'The aud that a token must have; empty: any.'),
  apiKeys: secret(
    'API_KEYS',
    list(matching(/^[\x21-\x7e]+$/, ''), 'keys of visible ASCII characters, none of them empty'),
    'Keys of other programs (X-API-Key), comma separated; 8 characters or more, better 32 random characters.',
  ),
  globalPublish: setting(
    'GLOBAL_PUBLISH',
    'any',
    oneOf('any', 'users', 'server'),
    'Which clients may send to everyone over their socket: any, users (with a token), or server (none).',
  ),
};
