/**
 * Unknown variables whose names look like those of this service are reported, as a value under a wrong name
 * has no effect. A name looks like a known one when it differs by a letter or by case, or begins with the
 * same part (`FAMILIES`). Variables that platforms set by themselves are ignored.
 */
import { GROUPS } from './sources.js';

const NAMES: readonly string[] = [
  'NODE_ENV',
  ...Object.values(GROUPS).flatMap((group) => Object.values(group).map(({ env }) => env)),
];
/**
 * For a shorter name, too many variables of other programs differ by one letter: then only swapped letters
 * count.
 */
const MIN_LENGTH = 6;

/** Whether two texts differ by one added, removed or changed letter, or by two swapped letters. */
const isOneOff = (a: string, b: string): boolean => {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from += 1;
  const [restA, restB] = [a.slice(from), b.slice(from)];
  return (
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB.slice(1) ||
    areSwapped(restA, restB)
  );
};

const areSwapped = (a: string, b: string): boolean =>
  a[0] === b[1] && a[1] === b[0] && a.length === b.length && a.slice(2) === b.slice(2);

const isMeant = (name: string, known: string): boolean => {
  if (name.toUpperCase().replaceAll('-', '_') === known) return true;
  return known.length < MIN_LENGTH
    ? name.length === known.length &&
        name !== known &&
        isOneOff(name, known) &&
        isShuffled(name, known)
    : isOneOff(name.toUpperCase(), known);
};

const isShuffled = (a: string, b: string): boolean =>
  Buffer.from(a).sort().equals(Buffer.from(b).sort());

/**
 * First parts of names that few other programs use. Not `HTTP` (`HTTP_PROXY`), `SERVER`, `DATABASE`, `KAFKA`,
 * `BASE`: other programs have such variables.
 */
const FAMILIES: ReadonlySet<string> = new Set(
  (
    'REDIS JWT AUTH LOG RATE MAX API ' +
    'ALLOWED TRUSTED PRESENCE OUTBOX HANDSHAKE PING PONG DRAIN BROKER ROOM ARCHIVE'
  ).split(' '),
);

/** Names that other programs use, and the variable of this service for the same purpose. */
const ELSEWHERE: readonly (readonly [name: RegExp, known: string])[] = [
  [
    /^REDIS_(HOST(NAME)?|PORT|USER(NAME)?|PASS(WORD)?|DB|DATABASE|TLS|SSL|ADDR(ESS)?)$/,
    'REDIS_URL',
  ],
  [/^(AUTH|JWT)_(KEY|TOKEN|SECRET.*)$/, 'JWT_SECRET'],
  [/^API_(TOKEN|SECRET)S?$/, 'API_KEYS'],
  [/^RATE_LIMIT(_MAX)?$/, 'RATE_LIMIT_PER_SECOND'],
];

/**
 * Kubernetes and Docker set these for each service beside a container. For a service `redis`:
 * REDIS_SERVICE_HOST, REDIS_PORT=tcp://10.0.0.1:6379, REDIS_PORT_6379_TCP_ADDR.
 */
const isOfPlatform = (name: string, value: string): boolean =>
  /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$/.test(name) ||
  (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value)) ||
  /_ENV_\w+$/.test(name) ||
  (name.endsWith('_NAME') && value.startsWith('/'));

/** How many letters are added, removed or changed from one text to the other (Levenshtein). */
const distance = (from: string, to: string): number => {
  const first = Array.from({ length: to.length + 1 }, (_, i) => i);
  const last = Array.from(from).reduce<readonly number[]>(
    (above, letter, row) =>
      above
        .slice(1)
        .reduce<readonly number[]>(
          (line, up, i) => [
            ...line,
            Math.min(up + 1, (line[i] ?? 0) + 1, (above[i] ?? 0) + (letter === to[i] ? 0 : 1)),
          ],
          [row + 1],
        ),
    first,
  );
  return last[to.length] ?? 0;
};

/** A longer name is no misspelling, and would take time. */
const MAX_LENGTH = 64;

/**
 * For a name that begins with a part in `FAMILIES`: the name that `ELSEWHERE` gives, else the known name that
 * shares the most parts with it; of several, the nearest one. Undefined for any other name.
 */
const nearest = (name: string): string | undefined => {
  const written = name.toUpperCase();
  const [family = '', ...more] = written.split('_');
  if (!FAMILIES.has(family) || more.length === 0 || name.length > MAX_LENGTH) return undefined;
  const elsewhere = ELSEWHERE.find(([pattern]) => pattern.test(written))?.[1];
  if (elsewhere !== undefined) return elsewhere;
  const parts = new Set(written.split('_'));
  const [best] = NAMES.map((known) => ({
    known,
    shared: known.split('_').filter((part) => parts.has(part)).length,
    far: distance(written, known),
  })).sort((a, b) => b.shared - a.shared || a.far - b.far);
  return best?.known;
};

/** A line for each variable that is set, unknown, and looks like a known one. */
export const unknownVariables = (
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value === '' || NAMES.includes(name)) return [];
    if (isOfPlatform(name, value)) return [];
    const meant = NAMES.find((known) => isMeant(name, known)) ?? nearest(name);
    return meant === undefined
      ? []
      : [`${name} is no variable of this service: is ${meant} meant?`];
  });
