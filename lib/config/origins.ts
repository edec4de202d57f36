/**
 * The format of `ALLOWED_ORIGINS`. An origin is compared with the one that browsers send
 * (`lib/protocol/origin.ts`), so it must be in the same form, or be a pattern. A fault says how to write the
 * first entry that is almost an origin.
 */
import * as E from 'fp-ts/lib/Either.js';
import { isOrigin, isOriginPattern } from '../protocol/origin.js';
import { type Format, list } from './formats.js';

/** No browser sends an origin with `;` in it, but a URL parser accepts it in a host. */
const isEntry = (text: string): boolean =>
  !text.includes(';') && (isOrigin(text) || isOriginPattern(text));

const origin: Format<string> = (raw) =>
  typeof raw === 'string' && isEntry(raw)
    ? E.right(raw)
    : E.left('an origin such as https://example.com');

const RULE =
  '* alone, or comma separated origins such as https://example.com or https://*.example.com ' +
  '(* is one label, with two or more labels after it), in lower case, without a path or a default port';

export const origins: Format<readonly string[]> = (raw) => {
  if (raw === '*' || (Array.isArray(raw) && raw.length === 1 && raw[0] === '*'))
    return E.right(['*']);
  return E.mapLeft(() => `${RULE}${hintOf(raw)}`)(list(origin, '')(raw));
};

const hintOf = (raw: unknown): string => {
  const entries: readonly unknown[] =
    typeof raw === 'string' ? raw.split(',').map((part) => part.trim()) : [raw].flat();
  const [hint] = entries.flatMap((entry) => {
    const found = typeof entry !== 'string' || isEntry(entry) ? undefined : hintOfEntry(entry);
    return found === undefined ? [] : [`; ${found}`];
  });
  return hint ?? '';
};

const NULL_ORIGIN =
  'null is the origin of a page that was opened from a file or in a sandboxed frame: only * allows it. ' +
  'Serve the page over http or https instead, and write the origin of that address';

/** How to write this entry; undefined when that is not known. */
const hintOfEntry = (entry: string): string | undefined => {
  if (entry.toLowerCase() === 'null') return NULL_ORIGIN;
  const parts = entry.split(/[;\s]+/).filter((part) => part !== '');
  if (parts.length > 1) return separated(parts);
  if (isEntry(`http://${entry}`)) return `write http://${entry} or https://${entry}`;
  const bare = bareOf(entry);
  if (bare === undefined) return undefined;
  const behind = /^[^:]+:\/\/[^/]*[/?#]/.test(entry) ? ', without a / or a path after it' : '';
  return `write ${bare}${behind}`;
};

/** The parts of an entry with `;` or blanks in it are repeated only when all of them are origins. */
const separated = (parts: readonly string[]): string => {
  const written = parts.map(bareOf);
  return written.includes(undefined)
    ? 'write commas between the origins, and no blank or ; in an origin'
    : `write ${written.join(',')}, with commas between the origins`;
};

/** Scheme, host and port alone. User and password are not repeated. */
const bareOf = (text: string): string | undefined => {
  const bare = isEntry(text) ? text : URL.canParse(text) ? new URL(text).origin : undefined;
  return bare !== undefined && isEntry(bare) ? bare : undefined;
};
