/**
 * The demo page at `/`: two clients that chat, on the client library as it is built. With `DEMO_PAGE=false`,
 * or without the built files (as in a bundle of an application), `/` is the front page.
 *
 * The page runs nothing that is written in its HTML, and loads nothing from another origin (CSP).
 */
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/index.js';
import { problem } from '../protocol/problem.js';
import { VERSION } from '../version.js';
import { FRONT_PAGE } from './document-operations.js';
import type { Endpoint } from './endpoint.js';
import { frontPage } from './front-page.js';

/** The built files. The path is right from `dist/http/`, and from `lib/http/`, where specs run. */
const DIST = new URL('../../dist/', import.meta.url);

/** What the page loads, below `BASE_PATH/demo/`. */
const FILES: ReadonlyMap<unknown, { readonly path: string; readonly type: string }> = new Map([
  ['demo.js', { path: 'demo/demo.js', type: 'text/javascript; charset=utf-8' }],
  ['demo.css', { path: 'demo/demo.css', type: 'text/css; charset=utf-8' }],
  ['icon.svg', { path: 'demo/icon.svg', type: 'image/svg+xml' }],
  ['client.js', { path: 'client/client.js', type: 'text/javascript; charset=utf-8' }],
]);

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'Referrer-Policy': 'no-referrer',
};

const NO_FILE = problem(404, `path: the demo page has the files ${[...FILES.keys()].join(', ')}`);

export interface DemoPageDeps {
  readonly config: Config;
  /** Where the built files are, in specs. */
  readonly dist?: URL;
}

export const demoEndpoints = ({ config, dist = DIST }: DemoPageDeps): readonly Endpoint[] => {
  const { basePath, demoPage } = config.server;
  const { authEnabled } = config.access;
  const plain = frontPage(basePath);
  /** Undefined: there is no such file, or this process may not read it. */
  const fileOf = (path: string): Promise<string | undefined> =>
    readFile(new URL(path, dist), 'utf8').catch(() => undefined);
  const page = async (): Promise<string> => {
    const template = demoPage ? await fileOf('demo/index.html') : undefined;
    return template === undefined ? plain : filled(template, { basePath, authEnabled });
  };
  const root: Endpoint = {
    method: 'GET',
    path: '/',
    auth: 'none',
    operation: FRONT_PAGE,
    handler: async ({ reply }) => {
      const html = await page();
      return reply.headers(HEADERS).type('text/html; charset=utf-8').send(html);
    },
  };
  const file: Endpoint = {
    method: 'GET',
    path: `${basePath}/demo/:file`,
    auth: 'none',
    operation: undefined,
    handler: async ({ params, reply, refuse }) => {
      const known = FILES.get(params['file']);
      const text = known && (await fileOf(known.path));
      return known === undefined || text === undefined
        ? refuse(NO_FILE)
        : reply.headers(HEADERS).type(known.type).send(text);
    },
  };
  return demoPage ? [root, file] : [root];
};

/** The values are of the configuration and of `package.json`: none needs an escape in HTML. */
const filled = (
  template: string,
  { basePath, authEnabled }: { readonly basePath: string; readonly authEnabled: boolean },
): string =>
  template
    .replaceAll('{base}', basePath)
    .replaceAll('{version}', VERSION)
    .replaceAll('{auth}', authEnabled ? 'required' : 'none');
