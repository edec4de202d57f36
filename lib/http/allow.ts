/** From the table of endpoints: which methods a path allows, and the answer for an unknown path or method. */
import type { Endpoint } from './endpoint.js';
import { unknownPath } from './endpoints.js';
import { type Problem, problem } from '../protocol/problem.js';
import { METHODS } from './server.js';

export interface Allow {
  /** The methods of a path in the form of the header `Allow`; undefined when there is no such path. */
  readonly methodsOf: (path: string) => string | undefined;
  /** 404 or 405. */
  readonly problemOf: (method: string, path: string) => Problem;
}

export const allow = (endpoints: readonly Endpoint[], basePath: string): Allow => {
  const patterns = endpoints.map(({ method, path }) => ({
    pattern: patternOf(path),
    methods: method === 'GET' ? 'GET, HEAD' : method,
  }));
  const names = endpoints.map(
    ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{room}')}`,
  );
  const methodsOf = (path: string): string | undefined =>
    // `*` is no path, but the server as a whole (RFC 9110 §9.3.7)
    path === '*' ? METHODS : patterns.find(({ pattern }) => pattern.test(path))?.methods;
  return {
    methodsOf,
    problemOf: (method, path) => {
      const methods = methodsOf(path);
      return methods === undefined || methods.split(', ').includes(method)
        ? problem(404, unknownPath({ method, path }, basePath, names))
        : problem(405, `method: expected ${methods}, got ${method}`, { Allow: methods });
    },
  };
};

/** A path of the table as a regular expression; a parameter is one segment. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(/\.|\*|:\w+/g, (part) => PARTS[part] ?? '[^/]*')}$`);

const PARTS: Readonly<Record<string, string>> = { '.': '\\.', '*': '.*' };
