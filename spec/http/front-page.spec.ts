/** The page at `/`: what a person can copy from it works. */
import { Script } from 'node:vm';
import t from 'tap';
import { frontPage } from '../../lib/http/front-page.js';
import { VERSION } from '../../lib/version.js';

t.test('when a base path is set, then every address of the service begins with it', async (t) => {
  for (const basePath of ['', '/b', '/api/chat-api']) {
    const page = frontPage(basePath);
    for (const path of ['/ws/general', '/ws/{room}', '/messages', '/ws/stats'])
      t.ok(page.includes(`${basePath}${path}`), `${basePath}${path}`);
    const links = [...page.matchAll(/href="(\/[^"]*)"/g)].map(([, link]) => link);
    t.same(links, [`${basePath}/ws/stats`, '/docs', '/health', '/ready', '/metrics']);
  }
});

t.test('when the example is copied, then it is JavaScript for that address', async (t) => {
  const [, code = ''] = /<pre>([\s\S]*)<\/pre>/.exec(frontPage('/b')) ?? [];
  const sockets: { readonly url: string; onopen?: () => void; readonly sent: string[] }[] = [];
  class WebSocket {
    readonly sent: string[] = [];
    constructor(readonly url: string) {
      sockets.push(this);
    }
    send(text: string): void {
      this.sent.push(text);
    }
  }
  const script = new Script(code.replaceAll('&gt;', '>'));
  script.runInNewContext({ WebSocket, location: { origin: 'https://chat.example' } });
  sockets[0]?.onopen?.();
  t.equal(sockets[0]?.url, 'wss://chat.example/b/ws/general');
  t.same(
    sockets[0]?.sent.map((text) => JSON.parse(text) as unknown),
    [{ type: 'chat', data: { content: 'hi' } }],
  );
});

t.test('when the page is shown, then it names the version and loads nothing else', async (t) => {
  const page = frontPage('/b');
  t.match(page, /^<!doctype html>/);
  t.ok(page.includes(`chat-api ${VERSION}`));
  t.notMatch(page, /<script|src=|https?:/);
});
