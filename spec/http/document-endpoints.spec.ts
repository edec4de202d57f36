/** The documents over HTTP: the parsers of the field accept them, in each form of the service. */
import { Parser } from '@asyncapi/parser';
import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { documentEndpoints } from '../../lib/http/document-endpoints.js';
import { startPod, type Pod } from '../support/pod.js';
import { SECRET } from '../support/tokens.js';
import { endpointAt, exchangeOf, handled } from '../support/exchange.js';

const FORMS = {
  'without tokens': {},
  'with tokens': { access: { authEnabled: true, jwtSecret: SECRET, apiKeys: [] } },
  'at another path': { server: { basePath: '/chat' } },
} as const;

const read = async ({ get }: Pod, path: string): Promise<Record<string, unknown>> => {
  const { status, headers, body } = await get(path, 'GET', { Accept: 'application/json' });
  t.equal(status, 200, path);
  t.equal(headers['content-type'], 'application/json; charset=utf-8');
  return JSON.parse(body) as Record<string, unknown>;
};

for (const [form, overrides] of Object.entries(FORMS))
  t.test(`when the service runs ${form}, then its documents are valid`, async (t) => {
    const pod = await startPod(t, overrides);
    const openApi = await new Validator().validate(await read(pod, '/openapi.json'));
    t.ok(openApi.valid, JSON.stringify(openApi.errors));
    const { document, diagnostics } = await new Parser().parse(
      JSON.stringify(await read(pod, '/asyncapi.json')),
    );
    // a later version of AsyncAPI has nothing that the document needs
    const faults = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version');
    t.same(faults, []);
    t.equal(document?.version(), '3.0.0');
    t.ok((document?.allMessages().length ?? 0) > 15);
  });

t.test('when a person opens the page, then it may load nothing of other servers', async (t) => {
  const { get } = await startPod(t);
  const { status, headers, body } = await get('/docs');
  t.equal(status, 200);
  t.equal(headers['content-security-policy'], "default-src 'self'");
  t.equal(headers['content-type'], 'text/html; charset=utf-8');
  t.match(body, '<h1>chat-api ');
  t.match((await get('/docs/style.css')).headers, { 'content-type': 'text/css; charset=utf-8' });
  t.match((await get('/docs/icon.svg')).headers, { 'content-type': 'image/svg+xml' });
});

t.test('when a document is asked for twice, then it is made once', async (t) => {
  const endpoints = documentEndpoints({ endpoints: [], basePath: '/b', port: 1, isSecured: false });
  const body = async (): Promise<unknown> =>
    (await handled(endpointAt(endpoints, 'GET /openapi.json'), exchangeOf())).body;
  t.equal(await body(), await body());
  t.same(Object.keys((JSON.parse(String(await body())) as { paths: object }).paths), [
    '/openapi.json',
    '/asyncapi.json',
    '/docs',
  ]);
});
