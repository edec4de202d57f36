/**
 * The tokens of specs. By default there are none. With `SPEC_AUTH=true` every pod requires a token unless its
 * spec sets something else, every client is a user of its own with all rights, and HTTP requests are those of
 * a program.
 */
import { SECRET, tokenOf } from './tokens.js';

type Headers = Readonly<Record<string, string>>;

const IS_GUARDED = process.env['SPEC_AUTH'] === 'true';

const API_KEY = 'the-key-of-the-specs-0123456789abcdef';

/** The configuration of access for a pod. */
export const ACCESS = IS_GUARDED
  ? { authEnabled: true, jwtSecret: SECRET, apiKeys: [API_KEY] }
  : {};

const ACCESS_ENV: Headers = IS_GUARDED
  ? { AUTH_ENABLED: 'true', JWT_SECRET: SECRET, API_KEYS: API_KEY }
  : {};

/** The environment of a pod that is a process, unless it sets access itself. */
export const withAccess = (env: Headers): Headers =>
  Object.keys(env).some((name) => /^(AUTH_|JWT_|API_)/.test(name))
    ? env
    : { ...ACCESS_ENV, ...env };

let users = 0;

/** A user of that name; null where no token is required. */
export const userOf = (name: string): string | null => (IS_GUARDED ? name : null);

/** A user id that no process has used before. */
export const newUser = (): string | null => userOf(`user ${process.pid}-${++users}`);

/** The headers of a user, in addition to the given ones. */
export const asUser = (user: string | null, headers: Headers = {}): Headers =>
  user === null || bears(headers)
    ? headers
    : { Authorization: `Bearer ${tokenOf({ sub: user })}`, ...headers };

/** The headers of a program that uses HTTP. */
export const asProgram = (headers: Headers = {}): Headers =>
  !IS_GUARDED || bears(headers) ? headers : { 'X-API-Key': API_KEY, ...headers };

const bears = (headers: Headers): boolean =>
  Object.entries(headers).some(
    ([name, value]) =>
      /^(authorization|x-api-key)$/i.test(name) ||
      (/^sec-websocket-protocol$/i.test(name) && value.includes('bearer.')),
  );
