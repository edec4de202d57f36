/**
 * The text of a 404: where the WebSockets are, and which endpoints are similar to the path of the request.
 */

const MOST = 3;
/** A path may have 16 KB. */
const MAX_SEGMENTS = 16;

const segmentsOf = (path: string): readonly string[] =>
  path.split('/', MAX_SEGMENTS + 1).filter((segment) => segment !== '');

/**
 * `endpoints`: a method and a path each. The path of the request is not repeated, as it may contain a token.
 */
export const unknownPath = (
  asked: string,
  basePath: string,
  endpoints: readonly string[],
): string => {
  const segments = new Set(segmentsOf(asked.toLowerCase()));
  const base = new Set(segmentsOf(basePath));
  const near = endpoints
    .map((endpoint) => {
      const own = segmentsOf(endpoint.slice(endpoint.indexOf('/'))).filter((one) => !base.has(one));
      const named = own.filter((one) => !one.startsWith('{'));
      const shared = named.filter((one) => segments.has(one)).length;
      return { endpoint, shared, rest: own.length - shared };
    })
    .sort((a, b) => b.shared - a.shared || a.rest - b.rest)
    .slice(0, MOST)
    .map(({ endpoint }) => endpoint);
  const ws = `${basePath}/ws`;
  return (
    `path: there is no such endpoint; the base path is ${basePath || '/'}. WebSockets are at ` +
    `${ws}, ${ws}/{room} and ${ws}?room={room}. The nearest endpoints are ${near.join(', ')}`
  );
};
