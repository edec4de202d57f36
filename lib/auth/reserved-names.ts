/**
 * Names that no user may have. `from` is `server` for messages of the server itself and `api` for those of
 * programs over HTTP. A user id that looks like one of these names is refused too, as far as `LOOKALIKES`
 * lists its characters.
 */

const RESERVED: ReadonlySet<string> = new Set(['server', 'api']);

/**
 * Whether a name is reserved, or differs from a reserved name only in case, width, accents, invisible
 * characters, or similar characters (`LOOKALIKES`).
 */
export const looksReserved = (name: string): boolean => RESERVED.has(skeletonOf(name));

/** White space, characters without width, direction controls, and combining marks. */
const UNSEEN = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\p{M}]/gu;

/** Whether a name has no visible character. */
export const looksEmpty = (name: string): boolean => seenOf(name) === '';

const seenOf = (name: string): string => name.normalize('NFKD').replaceAll(UNSEEN, '');

/**
 * Lookalikes are replaced before lower case and after it: a capital may look like a letter that its small
 * form does not look like.
 */
const skeletonOf = (name: string): string =>
  Array.from(
    seenOf(name),
    (character) => LATIN.get(character) ?? Array.from(character.toLowerCase(), latinOf).join(''),
  ).join('');

/**
 * Characters that look like the letters of the reserved names, and that NFKD and lower case do not make into
 * these letters (UTS #39, `confusables.txt`). Written by hand, as no maintained package has that table.
 */
const LOOKALIKES: Readonly<Record<string, string>> = {
  a: '\u0251\u03b1\u0430\u1d00\u237a\u2c81\uab7a\ua4ee',
  e: '\u0259\u025b\u03b5\u0435\u04bd\u1d07\u212e\u2c89\u2d39\uab32\uab7c\ua4f0',
  i: '\u0131\u0269\u026a\u03b9\u0456\u04cf\u1d09\u2c93\ua647\uab75\ua4f2',
  p: '\u01bf\u03c1\u03f1\u0440\u1d18\u2374\u2ca3\uabb2\ua4d1',
  r: '\u0280\u0433\u1d26\u2c85\uab47\uab48\uab71\uab81\uaba2\ua4e3',
  s: '\u01bd\u0282\u0455\u054f\u057d\ua731\uaba5\uabaa\ua4e2\u{118c1}\u{10448}',
  v: '\u03bd\u0475\u05d8\u0667\u1d20\u2228\u22c1\u2d38\uaba9\ua4e6\u{118c0}\u{11706}',
};

const LATIN: ReadonlyMap<string, string> = new Map(
  Object.entries(LOOKALIKES).flatMap(([latin, others]) =>
    Array.from(others, (other) => [other, latin] as const),
  ),
);

const latinOf = (character: string): string => LATIN.get(character) ?? character;
