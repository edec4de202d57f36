/**
 * What the specs' pods ask for and their clients show. Nothing, unless `SPEC_AUTH=true`: then every pod that is not told
 * otherwise asks for a token, every client is a user of its own who may do everything, and HTTP is asked as a program.
 */
import { SECRET, tokenOf } from './tokens.js';

type Headers = Readonly<Record<string, string>>;

const IS_GUARDED = process.env['SPEC_AUTH'] === 'true';

const API_KEY = 'the-key-of-the-specs-0123456789abcdef';

/** A pod's configuration of it. */
export const ACCESS = IS_GUARDED
  ? { authEnabled: true, jwtSecret: SECRET, apiKeys: [API_KEY] }
  : {};

const ACCESS_ENV: Headers = IS_GUARDED
  ? { AUTH_ENABLED: 'true', JWT_SECRET: SECRET, API_KEYS: API_KEY }
  : {};

/** The environment of a pod that is a process, where it says nothing of access itself. */
export const withAccess = (env: Headers): Headers =>
  Object.keys(env).some((name) => /^(AUTH_|JWT_|API_)/.test(name))
    ? env
    : { ...ACCESS_ENV, ...env };

let users = 0;

/** A user of that name; null where nobody is asked. */
export const userOf = (name: string): string | null => (IS_GUARDED ? name : null);

/** Somebody whom nobody has heard of, in whichever process. */
export const newUser = (): string | null => userOf(`user ${process.pid}-${++users}`);

/** What a user shows at the door, beside what it shows already. */
export const asUser = (user: string | null, headers: Headers = {}): Headers =>
  user === null || bears(headers)
    ? headers
    : { Authorization: `Bearer ${tokenOf({ sub: user })}`, ...headers };

/** What a program shows that asks over HTTP. */
export const asProgram = (headers: Headers = {}): Headers =>
  !IS_GUARDED || bears(headers) ? headers : { 'X-API-Key': API_KEY, ...headers };

const bears = (headers: Headers): boolean =>
  Object.entries(headers).some(
    ([name, value]) =>
      /^(authorization|x-api-key)$/i.test(name) ||
      (/^sec-websocket-protocol$/i.test(name) && value.includes('bearer.')),
  );
