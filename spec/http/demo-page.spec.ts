/** The demo page at `/` and the files that it loads. */
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { demoEndpoints } from '../../lib/http/demo-page.js';
import { VERSION } from '../../lib/version.js';
import { type Answered, endpointAt, exchangeOf, handled } from '../support/exchange.js';
import { configWith } from '../support/hub-world.js';

const BUILT = {
  demo: {
    'index.html': '<html data-base="{base}" data-auth="{auth}">{version} {base}',
    'demo.js': 'demo()',
    'demo.css': 'body {}',
    'icon.svg': '<svg/>',
    'demo.ts': 'source',
  },
  client: { 'client.js': 'client()' },
};

const world = (
  t: Test,
  {
    demoPage = true,
    authEnabled = false,
    files = BUILT,
  }: {
    readonly demoPage?: boolean;
    readonly authEnabled?: boolean;
    readonly files?: object;
  } = {},
) => {
  const config = configWith({
    server: { basePath: '/b', demoPage },
    access: authEnabled ? { authEnabled, jwtSecret: 'x'.repeat(32) } : {},
  });
  const dist = pathToFileURL(`${t.testdir(files as Parameters<Test['testdir']>[0])}/`);
  const endpoints = demoEndpoints({ config, dist });
  const get = (path: string, params = {}): Promise<Answered> =>
    handled(endpointAt(endpoints, `GET ${path}`), exchangeOf({ params }));
  return { endpoints, get, file: (file: string) => get('/b/demo/:file', { file }) };
};

t.test('when a browser opens the address, then the page has the base path', async (t) => {
  const { type, body } = await world(t).get('/');
  t.equal(type, 'text/html; charset=utf-8');
  t.equal(body, `<html data-base="/b" data-auth="none">${VERSION} /b`);
});

t.test('when the service requires tokens, then the page knows it', async (t) => {
  t.match((await world(t, { authEnabled: true }).get('/')).body, 'data-auth="required"');
});

t.test('when the page is sent, then nothing of another origin may run in it', async (t) => {
  const { get, file } = world(t);
  for (const { headers } of [await get('/'), await file('demo.js')])
    t.match(headers, { 'Content-Security-Policy': /^default-src 'self';/ });
});

t.test('when a file of the page is requested, then it has its type', async (t) => {
  const { file } = world(t);
  for (const [name, type, body] of [
    ['demo.js', 'text/javascript; charset=utf-8', 'demo()'],
    ['client.js', 'text/javascript; charset=utf-8', 'client()'],
    ['demo.css', 'text/css; charset=utf-8', 'body {}'],
    ['icon.svg', 'image/svg+xml', '<svg/>'],
  ] as const)
    t.match(await file(name), { status: 200, type, body });
});

t.test('when another file is requested, then it is 404, also when it is there', async (t) => {
  const { file } = world(t);
  for (const name of ['demo.ts', 'index.html', 'x', '../client/client.js', '__proto__', ''])
    t.match(await file(name), { status: 404, body: { detail: /^path: the demo page has/ } }, name);
});

t.test('when DEMO_PAGE is false, then / is the front page, and there are no files', async (t) => {
  const { get, endpoints } = world(t, { demoPage: false });
  t.match((await get('/')).body, 'POST /b/messages');
  t.same(
    endpoints.map(({ path }) => path),
    ['/'],
  );
});

t.test('when the page was not built, then / is the front page', async (t) => {
  const { get, file } = world(t, { files: {} });
  t.match(await get('/'), { status: 200, body: /POST \/b\/messages/ });
  t.match(await file('demo.js'), { status: 404 });
});
