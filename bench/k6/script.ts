/** A script of k6 and the files that it imports. Each user has them anew, with their own variables, as in k6. */
import { resolve } from 'node:path';
import { Script } from 'node:vm';
import { httpModule } from './http.js';
import { socketModule } from './socket.js';
import { type Transformed, transform } from './transform.js';
import { k6Module, metricsModule, type User } from './user.js';

export type Exports = Readonly<Record<string, unknown>>;

type Require = (name: string) => Exports;
type Body = (
  exports: Record<string, unknown>,
  require: Require,
  env: Readonly<Record<string, string>>,
  vu: number,
  iteration: () => number,
) => void;

interface Loaded {
  readonly body: Body;
  readonly imports: ReadonlyMap<string, string>;
}

export const loadScript = (
  main: string,
  env: Readonly<Record<string, string>>,
): ((user: User) => Exports) => {
  const transformed = new Map<string, Transformed>();
  const transformedOf = (path: string): Transformed => {
    const known = transformed.get(path) ?? transform(path, transformedOf);
    transformed.set(path, known);
    return known;
  };
  const loaded = new Map<string, Loaded>();
  const loadedOf = (path: string): Loaded => {
    const { code, imports } = transformedOf(path);
    const text = `((exports, require, __ENV, __VU, __ITER) => {${code}\n})`;
    const known = loaded.get(path) ?? {
      body: new Script(text, { filename: path }).runInThisContext() as Body,
      imports,
    };
    loaded.set(path, known);
    return known;
  };

  return (user) => {
    const k6 = k6Module(user);
    const known: Readonly<Record<string, Exports>> = {
      k6,
      'k6/http': httpModule(user),
      'k6/ws': socketModule(user),
      'k6/metrics': metricsModule(user),
    };
    const files = new Map<string, Exports>();
    const exportsOf = (path: string): Exports => {
      const before = files.get(path);
      if (before !== undefined) return before;
      const exports: Record<string, unknown> = {};
      files.set(path, exports);
      const { body, imports } = loadedOf(path);
      const require: Require = (name) => {
        const file = imports.get(name);
        if (file !== undefined) return exportsOf(file);
        const module = known[name];
        if (module === undefined) throw new Error(`${path}: ${name} is not known here`);
        // a default import is `.default` of an ES module
        return { __esModule: true, ...module, default: module };
      };
      body(exports, require, env, user.number, user.iteration);
      return exports;
    };
    return exportsOf(resolve(main));
  };
};
