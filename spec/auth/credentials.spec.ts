/** Where a request has its token and its key. */
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { credentialsOf } from '../../lib/auth/credentials.js';
import { problemOf } from '../../lib/auth/index.js';

// what a request bears

t.test('when a request has credentials, then they are read from the accepted fields', async (t) => {
  interface Request {
    readonly authorization?: readonly string[];
    readonly offered?: readonly string[];
    readonly key?: readonly string[];
    readonly url?: string;
  }
  const borne = ({ authorization, offered, key, url = '/' }: Request): unknown => {
    const headersDistinct = {
      ...(authorization && { authorization: [...authorization] }),
      ...(offered && { 'sec-websocket-protocol': [...offered] }),
      ...(key && { 'x-api-key': [...key] }),
    };
    const found = credentialsOf({ headersDistinct, url });
    if (E.isLeft(found))
      return `${found.left._tag}${'what' in found.left ? ` ${found.left.what}` : ''}`;
    return found.right.apiKey ?? found.right.token;
  };
  const rows: readonly (readonly [what: string, request: Request, expected: unknown])[] = [
    ['nothing', {}, undefined],
    ['the header', { authorization: ['Bearer a.b.c'] }, 'a.b.c'],
    ['its scheme in any case', { authorization: ['bEARER a.b.c'] }, 'a.b.c'],
    ['two spaces', { authorization: ['Bearer  a.b.c'] }, 'a.b.c'],
    ['another scheme', { authorization: ['Basic YTpi'] }, undefined],
    ['a scheme that begins so', { authorization: ['BearerX a'] }, undefined],
    ['no token behind it', { authorization: ['Bearer'] }, ''],
    ['two of them', { authorization: ['Bearer a b'] }, 'a b'],
    ['the query', { url: '/ws/r?x=1&token=a.b.c' }, 'a.b.c'],
    ['an empty one', { url: '/?token=' }, undefined],
    ['one of a client without', { url: '/?token=undefined&token=null' }, undefined],
    ['a subprotocol', { offered: ['realtime.v1, bearer.a.b.c'] }, 'a.b.c'],
    ['in two lines', { offered: ['realtime.v1', 'bearer.a.b.c ,x'] }, 'a.b.c'],
    [
      'all of them, the same',
      { authorization: ['Bearer a'], url: '/?token=a', offered: ['bearer.a'] },
      'a',
    ],
    [
      'header and query that differ',
      { authorization: ['Bearer a'], url: '/?token=b' },
      'Ambiguous token',
    ],
    ['two headers', { authorization: ['Bearer a', 'Bearer b'] }, 'Ambiguous token'],
    ['two in the query', { url: '/?token=a&token=b' }, 'Ambiguous token'],
    ['two subprotocols', { offered: ['bearer.a, bearer.b'] }, 'Ambiguous token'],
    [
      'an empty header beside a token',
      { authorization: ['Bearer'], url: '/?token=a' },
      'Ambiguous token',
    ],
    ['a key', { key: ['k'] }, 'k'],
    ['two keys', { key: ['k', 'l'] }, 'Ambiguous X-API-Key'],
    ['a key twice', { key: ['k', 'k'] }, 'k'],
  ];
  for (const [what, request, expected] of rows) t.equal(borne(request), expected, what);
  for (const what of ['token', 'X-API-Key'] as const) {
    const { status, detail } = problemOf({ _tag: 'Ambiguous', what });
    t.strictSame([status, detail], [400, `${what}: the request has different values; send one`]);
  }
});
