/**
 * `REDIS_URL`, read by one grammar, at the start and again when a connection is made. A URL parser accepts
 * more than can be used (a query, a fragment, IPv6 without brackets, a percent sign that is not encoded), and
 * the failure would come too late.
 */
import * as E from 'fp-ts/lib/Either.js';
import {
  BRACKETS,
  decoded,
  type Endpoint,
  hostBeforePort,
  looksLikeBareIPv6,
  portOf,
} from './hosts.js';

export interface RedisAddress extends Endpoint {
  readonly tls: boolean;
  /** Empty: Redis's user `default`. */
  readonly username: string;
  readonly password: string;
  readonly database: number;
}

const FORM = 'redis://user:password@host:port/database, rediss://… or host:port';
const ENCODING =
  'in user and password write % as %25, @ as %40, # as %23, / as %2F, ? as %3F, "," as %2C (: in the user as %3A)';
const NO_QUERY = 'without a query (?) and without a fragment (#)';
const DATABASE = 'a database as digits alone, such as /1';
const ONE_USER =
  'the same user, password, database and redis:// or rediss:// for all nodes: write them only at the first';
const DEFAULT_PORT = 6_379;

/** scheme, user, password, host, port, database */
const SHAPE =
  /^(?:(rediss?):\/\/(?:([^@:/?#,]*)(?::([^@/?#,]*))?@)?)?(\[[^\]]*\]|[^@:/?#,[\]]+)(?::(\d*))?(?:\/(\d*))?$/i;

/** One address. `Left` says what is expected. */
const readOne = (text: string): E.Either<string, RedisAddress & { readonly isBare: boolean }> => {
  const shape = SHAPE.exec(text);
  if (shape === null) return E.left(hintOf(text));
  const [, scheme, user = '', secret = '', before = '', digits = '', number = ''] = shape;
  const [username, password] = [decoded(user), decoded(secret)];
  if (username === undefined || password === undefined) return E.left(`${FORM}; ${ENCODING}`);
  const isBare = scheme === undefined;
  const host = hostBeforePort(before);
  const port = digits === '' && !isBare ? DEFAULT_PORT : portOf(digits);
  if (host === undefined || port === undefined) return E.left(FORM);
  if (isBare && text.includes('/'))
    return E.left(`${FORM}; a database only with redis:// in front`);
  if (!/^(?:0|[1-9]\d{0,8})?$/.test(number)) return E.left(`${FORM}; ${DATABASE}`);
  const tls = scheme?.toLowerCase() === 'rediss';
  return E.right({ host, port, tls, username, password, database: Number(number), isBare });
};

/** What is wrong with a text of another form, as far as can be seen. */
const hintOf = (text: string): string => {
  const rest = text.replace(/^rediss?:\/\//i, '');
  if (rest.includes('@')) return `${FORM}, ${NO_QUERY}; ${ENCODING}`;
  if (looksLikeBareIPv6(rest.replace(/\/\d*$/, ''))) return `${FORM}; ${BRACKETS}`;
  if (/[?#]/.test(rest)) return `${FORM}, ${NO_QUERY}`;
  return rest.includes('/') && !rest.includes('://') ? `${FORM}; ${DATABASE}` : FORM;
};

/** One address, or several with commas between, for a Cluster. All have the same user. */
export const readRedisUrl = (
  text: string,
): E.Either<string, readonly [RedisAddress, ...RedisAddress[]]> => {
  const parts = text.split(',').map((part) => readOne(part.trim()));
  const wrong = parts.find(E.isLeft);
  // a comma in a password splits the address: only the whole text shows that mistake
  if (wrong !== undefined) return parts.length > 1 ? E.left(hintOf(text)) : wrong;
  const [first, ...others] = parts.flatMap((part) => (E.isRight(part) ? [part.right] : []));
  if (first === undefined) return E.left(FORM);
  const { username, password, tls, database } = first;
  const differs = (other: typeof first): boolean =>
    !other.isBare &&
    (other.tls !== tls ||
      (other.database !== database && other.database !== 0) ||
      (other.username + other.password !== '' &&
        (other.username !== username || other.password !== password)));
  if (others.some(differs)) return E.left(`${FORM}; ${ONE_USER}`);
  return E.right([first, ...others]);
};

/** The database of a valid address; 0 when it names none. */
export const databaseOf = (text: string): number => {
  const read = text === '' ? undefined : readRedisUrl(text);
  return read !== undefined && E.isRight(read) ? read.right[0].database : 0;
};
