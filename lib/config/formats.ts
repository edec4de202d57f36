/**
 * The formats of configuration values. convict's own formats accept too much (`12abc` is 12,
 * `PRESENCE_EVENTS=off` is true). The formats here refuse every form that they do not know. A format takes
 * text, as in the environment, or the JSON value of a file. `Left` says what is expected.
 */
import { isIP } from 'node:net';
import * as E from 'fp-ts/lib/Either.js';
import { readDatabaseUrl } from './database-url.js';
import { BRACKETS, type Endpoint, endpointOf, isHost, withPort } from './hosts.js';
import { isTooWide } from './networks.js';
import { publicKeysOf } from './public-keys.js';
import { readRedisUrl } from './redis-url.js';

export type Format<A> = (raw: unknown) => E.Either<string, A>;

export const boolean: Format<boolean> = (raw) => {
  if (raw === true || raw === 'true' || raw === '1') return E.right(true);
  if (raw === false || raw === 'false' || raw === '0') return E.right(false);
  return E.left('true or false');
};

const WHOLE = /^(0|[1-9]\d{0,15})$/;

export const whole =
  (min: number, max: number): Format<number> =>
  (raw) => {
    const value = typeof raw === 'string' && WHOLE.test(raw) ? Number(raw) : raw;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? E.right(value)
      : E.left(`a whole number from ${min} to ${max}`);
  };

const MAX_WORKERS = 1_024;
const workerCount = whole(1, MAX_WORKERS);

/** A number, or `auto` for the number of cores. */
export const workers: Format<number | 'auto'> = (raw) =>
  raw === 'auto'
    ? E.right(raw)
    : E.mapLeft((expected: string) => `${expected}, or auto`)(workerCount(raw));

export const port = whole(0, 65_535);

const MANY = 1_000_000_000;
export const count = (min: number): Format<number> => whole(min, MANY);
export const bytes = whole(1, Number.MAX_SAFE_INTEGER);

/** Node runs the work of a longer timer at once. */
const LONGEST_TIMER = 2_147_483_647;

/** Milliseconds, without a unit. */
export const duration = (min: number): Format<number> => {
  const ms = whole(min, LONGEST_TIMER);
  return (raw) => E.mapLeft((expected: string) => `${expected}, in milliseconds`)(ms(raw));
};

export const oneOf =
  <A extends string>(...names: readonly A[]): Format<A> =>
  (raw) => {
    const found = names.find((each) => each === raw);
    return found === undefined ? E.left(`one of ${names.join(', ')}`) : E.right(found);
  };

export const text: Format<string> = (raw) =>
  typeof raw === 'string' ? E.right(raw) : E.left('text');

export const matching =
  (pattern: RegExp, expected: string): Format<string> =>
  (raw) =>
    typeof raw === 'string' && pattern.test(raw) ? E.right(raw) : E.left(expected);

/** The empty text, which means "not set", or the format. */
export const optional =
  (format: Format<string>): Format<string> =>
  (raw) =>
    raw === ''
      ? E.right('')
      : E.mapLeft((expected: string) => `nothing, or ${expected}`)(format(raw));

/** Public keys stay text: a configuration has plain values. */
export const publicKeys: Format<string> = (raw) =>
  E.Chain.chain(text(raw), (written) => E.map(() => written)(publicKeysOf(written)));

/**
 * A secret. A public key in its place is refused: everyone who has the public key could sign tokens with it.
 */
export const sharedSecret: Format<string> = (raw) =>
  typeof raw === 'string' && !raw.includes('-----BEGIN ')
    ? E.right(raw)
    : E.left('a text that is no PEM: write a public key in JWT_PUBLIC_KEY');

/** Comma separated text or a JSON array. The empty text has no entries. */
export const list =
  <A>(entry: Format<A>, expected: string): Format<readonly A[]> =>
  (raw) => {
    if (raw === '') return E.right([]);
    const parts: readonly unknown[] | undefined =
      typeof raw === 'string'
        ? raw.split(',').map((part) => part.trim())
        : Array.isArray(raw)
          ? raw
          : undefined;
    const values = parts?.map(entry);
    return values === undefined || values.some(E.isLeft)
      ? E.left(`comma separated: ${expected}`)
      : E.right(values.flatMap((value) => (E.isRight(value) ? [value.right] : [])));
  };

/** A setting that this version does not support: only a value that means "not set" is allowed. */
export const unavailable =
  <A>(format: Format<A>, isUnset: (value: A) => boolean, why: string): Format<A> =>
  (raw) => {
    const value = format(raw);
    return E.isRight(value) && isUnset(value.right) ? value : E.left(why);
  };

/** A name or an address to listen on; IPv6 without brackets, as `listen` takes it. */
export const host: Format<string> = (raw) =>
  typeof raw === 'string' && isHost(raw)
    ? E.right(raw)
    : E.left('a host name or an IP address (IPv6 without brackets)');

/** `host:port`, IPv6 in brackets. A program may give an object, with IPv6 without brackets. */
export const endpoint: Format<Endpoint> = (raw) => {
  const value =
    typeof raw === 'object' && raw !== null && 'host' in raw && 'port' in raw
      ? endpointOf(withPort({ host: String(raw.host), port: Number(raw.port) }))
      : typeof raw === 'string'
        ? endpointOf(raw)
        : undefined;
  return value === undefined ? E.left('host:port') : E.right(value);
};

const parse = (raw: unknown): URL | undefined =>
  typeof raw === 'string' && URL.canParse(raw) && !/\s/.test(raw) ? new URL(raw) : undefined;

/** A URL with one of these schemes; each scheme ends with its colon. */
export const url =
  (...schemes: readonly string[]): Format<string> =>
  (raw) => {
    const parsed = parse(raw);
    return typeof raw === 'string' &&
      parsed !== undefined &&
      schemes.includes(parsed.protocol) &&
      parsed.hostname !== ''
      ? E.right(raw)
      : E.left(`a URL beginning with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`);
  };

/** One Redis or, for a Cluster, several, comma separated. The result has a scheme for each. */
export const redisUrls: Format<string> = (raw) =>
  E.Chain.chain(text(raw), (url) =>
    url === ''
      ? E.right('')
      : E.Functor.map(readRedisUrl(url), ([{ tls }]) =>
          url
            .split(',')
            .map((part) => part.trim())
            .map((part) => (part.includes('://') ? part : `redis${tls ? 's' : ''}://${part}`))
            .join(','),
        ),
  );

/** One PostgreSQL, as it is written. */
export const databaseUrl: Format<string> = (raw) =>
  E.Chain.chain(text(raw), (url) =>
    url === '' ? E.right('') : E.Functor.map(readDatabaseUrl(url), () => url),
  );

/** Addresses of Sentinels only: user and password of the master are in `REDIS_URL`. */
export const sentinels: Format<readonly Endpoint[]> = list(
  endpoint,
  `host:port of each Sentinel, without redis://, user or password; ${BRACKETS}`,
);

/**
 * The prefix of every channel and key. It has no braces, which choose the slot in a Cluster, no characters of
 * patterns, and no blank.
 */
const PREFIX = /^[A-Za-z0-9_.:-]{1,64}$/;

/** With `realtime:` in the prefix, a room of one service could be a channel of another. */
export const redisPrefix: Format<string> = (raw) =>
  typeof raw === 'string' && PREFIX.test(raw) && !raw.includes('realtime:')
    ? E.right(raw)
    : E.left('1 to 64 characters of A-Z a-z 0-9 _ . : -, without "realtime:" in it');

/** An address or a block of them, such as 10.0.0.0/8. */
export const network: Format<string> = (raw) => {
  const [address = '', bits, ...more] = typeof raw === 'string' ? raw.split('/') : [];
  const version = isIP(address);
  const fits = bits === undefined || E.isRight(whole(0, version === 4 ? 32 : 128)(bits));
  return typeof raw === 'string' &&
    version !== 0 &&
    fits &&
    more.length === 0 &&
    !address.includes('%') &&
    !isTooWide(raw)
    ? E.right(raw)
    : E.left('an address or a block such as 10.0.0.0/8');
};
