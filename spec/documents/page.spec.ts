/** The page of both documents. `spec/browser/docs.spec.ts` opens it in a browser. */
import t from 'tap';
import { asyncApi } from '../../lib/documents/asyncapi.js';
import { openApi } from '../../lib/documents/openapi.js';
import { docsPage } from '../../lib/documents/page.js';
import { HEALTH, STATS } from '../../lib/http/pod-operations.js';
import { SOCKET } from '../../lib/http/socket-operations.js';

const http = openApi({
  routes: [
    { method: 'GET', path: '/b/ws', auth: 'none', operation: SOCKET },
    { method: 'GET', path: '/health', auth: 'none', operation: HEALTH },
    { method: 'GET', path: '/b/ws/stats', parameters: ['room'], auth: 'token', operation: STATS },
  ],
  isSecured: true,
});
const sockets = asyncApi({ basePath: '/b', host: 'localhost:1', isSecured: true });
const page = docsPage(http, sockets);
const idsIn = (text: string): readonly string[] =>
  [...text.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id);

t.test('when something is in a document, then the page shows it', async (t) => {
  t.match(page, /^<!doctype html>\n<html lang="en">/);
  for (const path of Object.keys(http.paths)) t.match(page, `<code>${path}</code>`);
  for (const name of Object.keys(sockets.components.messages))
    t.match(page, `id="message-${name}"`);
  for (const { code } of sockets['x-close-codes']) t.match(page, `<th scope="row">${code}</th>`);
  for (const code of Object.keys(sockets['x-error-codes'])) t.match(page, `<code>${code}</code>`);
  t.match(page, 'No token is needed.');
  t.match(page, '<code>Retry-After</code>: Seconds to wait', 'headers of answers');
});

t.test('when the service asks for tokens, then the page tells how to send one', async (t) => {
  t.match(page, '<a href="#access">Access</a>');
  t.match(page, '<h2 id="access">Access</h2>');
  t.match(page, '<code>Authorization: Bearer TOKEN</code>');
  t.match(page, 'Needs <code>X-API-Key</code>, or any valid token.');
  t.match(page, 'GET /b/ws/stats\nX-API-Key: KEY\n');
  t.notMatch(page, 'GET /health\nX-API-Key');
  const open = docsPage(
    openApi({
      routes: [{ method: 'GET', path: '/b/ws', auth: 'none', operation: SOCKET }],
      isSecured: false,
    }),
    asyncApi({ basePath: '/b', host: 'localhost:1', isSecured: false }),
  );
  t.notMatch(open, /#access|X-API-Key/);
  t.match(open, 'Needs a token, where the service asks for one.');
});

t.test('when the page has a link, then its target is there; no id is used twice', async (t) => {
  const ids = idsIn(page);
  t.equal(new Set(ids).size, ids.length);
  for (const [, target = ''] of page.matchAll(/href="#([^"]+)"/g))
    t.ok(ids.includes(target), target);
});

t.test('when the page is loaded, then it needs its own style and icon alone', async (t) => {
  const links = [...page.matchAll(/(?:href|src)="([^#"][^"]*)"/g)].map(([, link]) => link);
  t.same(
    new Set(links),
    new Set(['/docs/icon.svg', '/docs/style.css', '/openapi.json', '/asyncapi.json']),
  );
  t.notMatch(page, /<script|style="|<style|>undefined<|\[object/);
});
