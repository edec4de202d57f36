import t from 'tap';
import { isOrigin, isOriginAllowed, isOriginPattern } from '../../lib/protocol/origin.js';

t.test('when a page has the origin of the service, then it may use the service', async (t) => {
  const rows: readonly (readonly [host: string | undefined, origin: string, expected: boolean])[] =
    [
      ['example.com', 'https://example.com', true],
      ['example.com', 'http://example.com', true],
      ['example.com:443', 'https://example.com', true],
      ['example.com', 'https://example.com:443', true],
      ['example.com:80', 'http://example.com', true],
      ['example.com:', 'http://example.com', true],
      ['Example.COM', 'https://example.com', true],
      ['example.com', 'HTTPS://Example.com', true],
      ['example.com:8443', 'https://example.com:8443', true],
      ['[::1]:8000', 'http://[::1]:8000', true],
      ['[0:0::1]:8000', 'http://[::1]:8000', true],
      ['xn--bcher-kva.example', 'https://bücher.example', true],
      ['example.com:8443', 'https://example.com', false],
      ['example.com:80', 'https://example.com', false],
      ['example.com:443', 'http://example.com', false],
      ['example.com', 'https://example.com:80', false],
      ['example.com', 'https://example.com.evil', false],
      ['example.com', 'https://example.com@evil', false],
      ['example.com', 'https://evil/example.com', false],
      ['example.com', 'https://example.com/', false],
      ['example.com', 'https:example.com', false],
      ['example.com', 'https:\\\\example.com', false],
      ['example.com', 'ftp://example.com', false],
      ['example.com', 'example.com', false],
      ['example.com', 'null', false],
      ['example.com', '', false],
      [undefined, 'https://example.com', false],
      ['', 'https://', false],
    ];
  for (const [host, origin, expected] of rows)
    t.equal(isOriginAllowed({ host, origin }, []), expected, `Host ${host}, Origin ${origin}`);
  t.equal(isOriginAllowed({ host: 'a' }, []), true, 'no browser');
  t.equal(isOriginAllowed({ host: 'a', origin: 'null' }, ['*']), true, 'everybody');
});

t.test(
  'when an origin is listed, then its pages may use the service, however port and case are written',
  async (t) => {
    const allowed = ['https://app.example.com', 'http://localhost:3000', 'capacitor://localhost'];
    const may = (origin: string): boolean =>
      isOriginAllowed({ host: 'chat.example', origin }, allowed);
    for (const origin of [...allowed, 'https://app.example.com:443', 'https://APP.example.com'])
      t.ok(may(origin), origin);
    for (const origin of [
      'http://app.example.com',
      'https://app.example.com:444',
      'https://x.app.example.com',
      'http://localhost',
      'capacitor://localhost:1',
    ])
      t.notOk(may(origin), origin);
  },
);

t.test('when a pattern is listed, then its star matches exactly one label', async (t) => {
  const allowed = ['https://*.example.com', 'http://*.example.com:8080'];
  const may = (origin: string): boolean => isOriginAllowed({ host: 'h', origin }, allowed);
  for (const origin of [
    'https://app.example.com',
    'https://APP.example.com:443',
    'https://a-b.example.com',
    'https://xn--bcher-kva.example.com',
    'http://app.example.com:8080',
  ])
    t.ok(may(origin), origin);
  for (const origin of [
    'https://example.com',
    'https://a.b.example.com',
    'https://.example.com',
    'https://*.example.com',
    'http://app.example.com',
    'https://app.example.com:8080',
    'https://evil-example.com',
    'https://app.example.com.evil.org',
    'https://evil.org#.example.com',
    'https://evil.org/.example.com',
    'https://evil.org\\.example.com',
    'https://user@app.example.com',
  ])
    t.notOk(may(origin), origin);
});

t.test(
  'when a text is written into the list, then only the forms that browsers send are accepted',
  async (t) => {
    for (const text of ['https://a.example', 'http://[::1]:1', 'capacitor://localhost']) {
      t.ok(isOrigin(text), text);
      t.notOk(isOriginPattern(text), text);
    }
    for (const text of ['https://*.example.com', 'http://*.a.b.example:8080'])
      t.ok(isOriginPattern(text) && !isOrigin(text), text);
    for (const text of [
      'https://a.example:443',
      'https://A.example',
      'https://*.com',
      'https://*.localhost',
      'https://*.Example.com',
      'https://*.example.com:443',
      'https://*.example.com/',
      'https://*example.com',
      'https://a.*.example.com',
      'https://*.*.example.com',
      'https://*',
      'http://localhost:*',
      '*.example.com',
      'app://*',
      'app://*.example.com',
      'https://*.1.2.3',
      '',
    ])
      t.notOk(isOrigin(text) || isOriginPattern(text), text);
  },
);
