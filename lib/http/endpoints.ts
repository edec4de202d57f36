/**
 * The text of a 404: where the WebSockets are, and which endpoints are similar to the path of the request.
 */
import { pathDistance } from './path-distance.js';

const MOST = 3;
/** A path may have 16 KB: only its first segments are compared. */
const MAX_SEGMENTS = 16;

const segmentsOf = (path: string): readonly string[] =>
  path.split('/', MAX_SEGMENTS + 1).filter((segment) => segment !== '');

/**
 * Added when the method differs: the cost of one wrong letter in four. It is small, so an endpoint of
 * another method with a similar path is nearer than one with a different path.
 */
const OTHER_METHOD = 0.25;
/** Added when the request is below the base path and the endpoint is not. */
const OTHER_BASE = 0.5;

/**
 * `endpoints`: a method and a path each. The path of the request is not repeated, as it may contain a token.
 */
export const unknownPath = (
  asked: { readonly method: string; readonly path: string },
  basePath: string,
  endpoints: readonly string[],
): string => {
  const base = new Set(segmentsOf(basePath.toLowerCase()));
  const withoutBase = (path: string): readonly string[] =>
    segmentsOf(path).filter((segment) => !base.has(segment.toLowerCase()));
  const isBelow = (path: string): boolean => path.startsWith(`${basePath}/`);
  const path = asked.path.toLowerCase();
  const segments = withoutBase(path);
  const method = asked.method === 'HEAD' ? 'GET' : asked.method;
  const near = endpoints
    .flatMap((endpoint) => {
      const [itsMethod, itsPath = ''] = endpoint.split(' ', 2);
      const own = withoutBase(itsPath);
      // the front page is similar to nothing
      if (own.length === 0) return [];
      const distance =
        pathDistance(segments, own) +
        (method === itsMethod ? 0 : OTHER_METHOD) +
        (isBelow(asked.path) && !isBelow(itsPath) ? OTHER_BASE : 0);
      return [{ endpoint, distance }];
    })
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST)
    .map(({ endpoint }) => endpoint);
  const ws = `${basePath}/ws`;
  return (
    `path: there is no such endpoint; the base path is ${basePath || '/'}. WebSockets are at ` +
    `${ws}, ${ws}/{room} and ${ws}?room={room}. The nearest endpoints are ${near.join(', ')}`
  );
};
