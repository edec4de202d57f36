/** Methods and paths of the table of endpoints. */
import t from 'tap';
import { allow } from '../../lib/http/allow.js';
import type { Endpoint } from '../../lib/http/endpoint.js';

const endpoint = (method: Endpoint['method'], path: string): Endpoint => ({
  method,
  path,
  auth: 'none',
  operation: undefined,
  handler: () => undefined,
});

const { methodsOf, problemOf } = allow(
  [
    endpoint('GET', '/health'),
    endpoint('POST', '/b/messages'),
    endpoint('GET', '/b/rooms/:room/messages'),
    endpoint('GET', '/b/ws/*'),
    endpoint('GET', '/a.b'),
  ],
  '/b',
);

t.test('when a path is in the table, then its methods are those of `Allow`', async (t) => {
  t.equal(methodsOf('/health'), 'GET, HEAD', 'whoever takes GET takes HEAD');
  t.equal(methodsOf('/b/messages'), 'POST');
  t.equal(methodsOf('/b/rooms/general/messages'), 'GET, HEAD');
  t.equal(methodsOf('/b/ws/a/b'), 'GET, HEAD', 'the rest of a path');
  t.match(methodsOf('*'), /GET.*POST/, 'the server as a whole');
});

t.test(
  'when a parameter has several segments, or a dot is another letter, then there is no such path',
  async (t) => {
    for (const path of [
      '/b/rooms/a/b/messages',
      '/b/rooms//x/messages',
      '/axb',
      '/health/',
      '',
      '/',
    ])
      t.equal(methodsOf(path), undefined, path);
    t.equal(methodsOf('/a.b'), 'GET, HEAD');
  },
);

t.test(
  'when the path is known and the method is not, then it is 405 with what is allowed',
  async (t) => {
    t.match(problemOf('DELETE', '/b/messages'), { status: 405, headers: { Allow: 'POST' } });
    t.match(problemOf('GET', '/nowhere'), { status: 404, detail: /base path is \/b/ });
  },
);
