/**
 * `ALLOWED_ORIGINS`: which values are accepted, and how a fault shows the right form of one that is almost
 * valid.
 */
import t from 'tap';
import { faultLine, readConfig } from '../../lib/config/index.js';
import { left, read } from '../support/config.js';

t.test('when each entry is an origin or a pattern, then all are accepted', async (t) => {
  for (const [value, taken] of [
    ['*', ['*']],
    ['http://a.example:3000', ['http://a.example:3000']],
    ['https://a.example, https://*.b.example', ['https://a.example', 'https://*.b.example']],
  ] as const)
    t.strictSame(read({ ALLOWED_ORIGINS: value }).server.allowedOrigins, taken);
});

const hintOf = (value: string): string => {
  const [line = '', ...more] = left(readConfig({ ALLOWED_ORIGINS: value }, undefined)).map(
    faultLine,
  );
  return more.length > 0 ? 'more than one fault' : line.slice(line.indexOf('default port') + 12);
};

t.test('when an entry is almost an origin, then the fault says how to write it', async (t) => {
  const list = ', with commas between the origins';
  for (const [value, hint] of [
    ['https://a.example/', 'write https://a.example, without a / or a path after it'],
    [
      'https://b.example,https://a.example/app',
      'write https://a.example, without a / or a path after it',
    ],
    ['https://*.a.example/', 'write https://*.a.example, without a / or a path after it'],
    ['https://A.example:443', 'write https://a.example'],
    ['http://b.example,localhost:3000', 'write http://localhost:3000 or https://localhost:3000'],
    ['a.example', 'write http://a.example or https://a.example'],
    ['*.a.example', 'write http://*.a.example or https://*.a.example'],
    ['*.a.example:8443', 'write http://*.a.example:8443 or https://*.a.example:8443'],
    ['https://a.example;https://b.example', `write https://a.example,https://b.example${list}`],
    ['https://a.example https://*.b.io', `write https://a.example,https://*.b.io${list}`],
    ['https://a.example/ ; https://b.io', `write https://a.example,https://b.io${list}`],
    ['a.example;b.example', 'write commas between the origins, and no blank or ; in an origin'],
    ['http://a.example;b.io', 'write commas between the origins, and no blank or ; in an origin'],
  ] as const)
    t.equal(hintOf(value), `; ${hint}`, value);
});

t.test(
  'when the entry is the origin null, then the fault names * and a page over http',
  async (t) => {
    for (const value of ['null', 'NULL', 'https://a.example,null']) {
      const hint = hintOf(value);
      t.match(
        hint,
        /null is the origin of a page .* file or .* sandboxed frame: only \* allows it/,
      );
      t.match(hint, /Serve the page over http or https/);
      t.notMatch(hint, /http:\/\/null/);
    }
  },
);

t.test(
  'when an entry is no origin at all, then the fault does not repeat its text as an origin',
  async (t) => {
    t.equal(hintOf('https://*'), '');
    t.equal(hintOf('https://*.com'), '');
    t.notMatch(hintOf('https://u:hunter2@a.example;https://b.example'), /hunter2/);
  },
);
