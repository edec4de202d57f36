/**
 * `DATABASE_URL`, read by one grammar. The parser of `pg` accepts more than can be used, and a mistake would
 * have no effect (a parameter that is written wrongly) or would show only when a connection is made.
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

export interface DatabaseAddress extends Endpoint {
  readonly database: string;
}

const FORM = 'postgres://user:password@host:port/database, or the same with postgresql://';
const ENCODING =
  'in user and password write % as %25, @ as %40, # as %23, / as %2F, ? as %3F, a blank as %20 (: in the user as %3A)';
const NO_HOST = 'a host behind postgres:// or behind @';
const NO_DATABASE = 'the name of the database behind the host, such as /chat';
const NAME = 'a name of the database without / ? # : @ & = + $ , ;';
const ONE_HOST = 'one host';
const DEFAULT_PORT = 5_432;

/** user, password, host, port, path, query */
const SHAPE =
  /^postgres(?:ql)?:\/\/(?:([^@:/?#\s]*)(?::([^@/?#\s]*))?@)?(\[[^\]]*\]|[^@:/?#,[\]\s]*)(?::(\d*))?(\/[^?#@\s]*)?(?:\?([^#@\s]*))?$/i;

/**
 * The parameters of the query that operators need. Any other is refused. A misspelt one would have no effect.
 * `host` would replace the host of the URL, and `statement_timeout` that of this service.
 */
const PARAMETERS: Readonly<Record<string, RegExp>> = {
  sslmode: /^(?:disable|prefer|require|verify-ca|verify-full|no-verify)$/,
  sslrootcert: /./,
  sslcert: /./,
  sslkey: /./,
  sslnegotiation: /^(?:postgres|direct)$/,
  uselibpqcompat: /^(?:true|false)$/,
  application_name: /./,
  options: /./,
};
const MODES =
  'sslmode as disable, prefer, require, verify-ca, verify-full or no-verify; sslnegotiation as postgres or ' +
  'direct; uselibpqcompat as true or false; no parameter without a value';

/** `Left` says what is expected. No part of the text is in it, except the name of a parameter. */
export const readDatabaseUrl = (text: string): E.Either<string, DatabaseAddress> => {
  const shape = SHAPE.exec(text);
  if (shape === null) return E.left(hintOf(text));
  const [, user = '', password = '', before = '', digits = '', path = '', query = ''] = shape;
  if ([user, password, path, query].some((part) => decoded(part) === undefined))
    return E.left(`${FORM}; ${ENCODING}`);
  if (before === '') return E.left(`${FORM}; ${NO_HOST}`);
  const host = hostBeforePort(before);
  const port = digits === '' ? DEFAULT_PORT : portOf(digits);
  if (host === undefined || port === undefined) return E.left(FORM);
  const database = decoded(path.slice(1)) ?? '';
  if (database === '') return E.left(`${FORM}; ${NO_DATABASE}`);
  // pg decodes fewer characters of the name than a URL has
  if (database.includes('/') || decodeURI(path.slice(1)) !== database)
    return E.left(`${FORM}; ${NAME}`);
  const wrong = parametersOf(query).flatMap(([name, value]) => faultIn(name, value) ?? []);
  return wrong[0] === undefined ? E.right({ host, port, database }) : E.left(wrong[0]);
};

const parametersOf = (query: string): readonly (readonly [name: string, value: string])[] =>
  query === '' ? [] : [...new URLSearchParams(query)];

const faultIn = (name: string, value: string): string | undefined => {
  const form = PARAMETERS[name];
  if (form !== undefined) return form.test(value) ? undefined : `${FORM}; ${MODES}`;
  // a part of a password may stand here
  const shown = /^[a-z_]{1,40}$/i.test(name) ? ` (${name} is none)` : '';
  return `${FORM}; behind ? only the parameters ${Object.keys(PARAMETERS).join(', ')}${shown}`;
};

/** What is wrong with a text of another form, as far as can be seen. */
const hintOf = (text: string): string => {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/is.exec(text) ?? [];
  if (rest === undefined) return FORM;
  const authority = rest.slice(rest.lastIndexOf('@') + 1).replace(/[/?#].*/s, '');
  if (authority.includes(',')) return `${FORM}; ${ONE_HOST}`;
  if (rest.includes('@')) return `${FORM}; ${ENCODING}`;
  if (looksLikeBareIPv6(authority)) return `${FORM}; ${BRACKETS}`;
  return FORM;
};
