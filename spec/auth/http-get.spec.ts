/** A text from a URL of the configuration, over a server on this machine. */
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';
import t, { type Test } from 'tap';
import { httpGet } from '../../lib/auth/http-get.js';

const MAX_BYTES = 262_144;

const serve = async (t: Test, answer: RequestListener) => {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/keys` };
};

t.test('when the server answers 200, then the text is emitted and the socket closed', async (t) => {
  const { url } = await serve(t, ({ headers }, response) => {
    t.match(headers, { accept: 'application/json', connection: 'close' });
    response.write('{"ke');
    response.end('ys":["ä"]}');
  });
  t.equal(await firstValueFrom(httpGet(url)), '{"keys":["ä"]}');
});

t.test('when the server answers anything else, then it is an error', async (t) => {
  let asked = 0;
  const { url } = await serve(t, (_request, response) => {
    asked += 1;
    response.writeHead(302, { Location: '/other' }).end();
  });
  await t.rejects(firstValueFrom(httpGet(url)), {
    message: 'expected status 200 (redirects are not followed), got 302',
  });
  t.equal(asked, 1, 'no redirect is followed');
});

t.test('when the answer is too large, then the request is aborted', async (t) => {
  const sized = (bytes: number) =>
    serve(t, (_request, response) => response.end('x'.repeat(bytes)));
  const { url } = await sized(MAX_BYTES);
  t.equal((await firstValueFrom(httpGet(url))).length, MAX_BYTES);
  const large = await sized(MAX_BYTES + 1);
  await t.rejects(firstValueFrom(httpGet(large.url)), {
    message: `expected at most ${MAX_BYTES} bytes, got more`,
  });
});

t.test('when the answer breaks off, then it is an error', async (t) => {
  const { url } = await serve(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': '10' });
    response.write('12345', () => response.destroy());
  });
  await t.rejects(firstValueFrom(httpGet(url)));
});

t.test(
  'when a host has several addresses and all refuse, then the first refusal is the error',
  async (t) => {
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const lookup = (_host: string, _options: object, answer: (...found: unknown[]) => void) =>
      process.nextTick(answer, null, addresses);
    t.intercept(dns, 'lookup', { value: lookup });
    await t.rejects(firstValueFrom(httpGet('http://keys.test:1/keys')), {
      message: 'connect ECONNREFUSED 127.0.0.1:1',
    });
  },
);

t.test('when the answer is unsubscribed, then the socket to the server is closed', async (t) => {
  const { server, url } = await serve(t, () => undefined);
  const running = httpGet(url).subscribe({ error: () => t.fail('an error after the end') });
  const [request] = (await once(server, 'request')) as unknown as readonly [IncomingMessage];
  const closed = once(request.socket, 'close');
  running.unsubscribe();
  await closed;
  t.ok(request.socket.destroyed);
});
