/**
 * How far an unknown path is from the path of an endpoint: the least cost to change one into the other. It is
 * an edit distance of segments; the cost to replace a segment comes from the edit distance of its letters.
 */

/**
 * A segment in which no more than half of the letters differ is a misspelling. Any other segment is a
 * different word.
 */
const MISSPELT = 0.5;
const OTHER_TEXT = 1.2;
const ONE_MORE = 1;
/** A parameter is any text. It costs a little, so that a literal comes first. */
const PARAMETER = 0.1;

/** Insertions, deletions and replacements of letters (Levenshtein). */
const lettersBetween = (a: string, b: string): number => {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of Array.from(a).entries()) {
    const row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (above[j] ?? 0) + (letter === b[j] ? 0 : 1);
      row.push(Math.min(replaced, (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
};

const isParameter = (segment: string): boolean => segment.startsWith('{');

const between = (asked: string, own: string): number => {
  if (isParameter(own)) return PARAMETER;
  const most = Math.max(asked.length, own.length);
  // such words are never similar: so a long segment costs no time
  if (Math.abs(asked.length - own.length) > most * MISSPELT) return OTHER_TEXT;
  const share = lettersBetween(asked, own) / most;
  return share <= MISSPELT ? share : OTHER_TEXT;
};

/**
 * `own`: the segments of an endpoint, a parameter as `{name}`. The distance is 0 when `asked` is the
 * endpoint's path without its parameters. Each parameter that has a value adds `PARAMETER`.
 */
export const pathDistance = (asked: readonly string[], own: readonly string[]): number => {
  const missing = (segment: string): number => (isParameter(segment) ? 0 : ONE_MORE);
  let above = [0];
  for (const segment of own) above.push((above.at(-1) ?? 0) + missing(segment));
  for (const given of asked) {
    const row = [(above[0] ?? 0) + ONE_MORE];
    for (const [j, segment] of own.entries())
      row.push(
        Math.min(
          (above[j] ?? 0) + between(given, segment),
          (above[j + 1] ?? 0) + ONE_MORE,
          (row[j] ?? 0) + missing(segment),
        ),
      );
    above = row;
  }
  return above[own.length] ?? 0;
};
