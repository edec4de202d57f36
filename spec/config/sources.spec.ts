/** Files that are no JSON, no object, or have unknown keys. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { faultLine, readConfig } from '../../lib/config/index.js';
import { left, right } from '../support/config.js';

t.test(
  'when a file is no JSON, then the fault names line and column, and repeats nothing of the file',
  async (t) => {
    const files = t.testdir({});
    const path = join(files, 'default.json');
    const faultText = (text: string): string => {
      writeFileSync(path, text);
      return left(readConfig({}, files)).map(faultLine).join('\n');
    };
    const rows: readonly (readonly [text: string, line: number, column: number])[] = [
      ['{', 1, 2],
      ['{"a": hunter2}', 1, 7],
      ['{"server": {\n  "port": 8000,\n}}', 3, 1],
      ['{\n  // a comment\n}', 2, 3],
      ['{"a": 1 "b": 2}', 1, 9],
      ["{'a': 1}", 1, 2],
      ['{"a": [1, 2,, 3]}', 1, 13],
      ['{"a": "\thunter2"}', 1, 7],
      ['{"a": 01}', 1, 8],
      ['{"a": 1}\n{"b": 2}', 2, 1],
      ['{"a": 1}}', 1, 9],
      ['{"a"; 1}', 1, 5],
      ['{"a": nul}', 1, 7],
    ];
    for (const [text, line, column] of rows) {
      t.equal(
        faultText(text),
        `${path}: expected JSON; the file stops being JSON at line ${line}, column ${column}`,
        text,
      );
    }
    for (const text of ['', ' \n', '\uFEFF']) t.match(faultText(text), /the file is empty/);
    const directory = t.testdir({ 'default.json': {} });
    t.match(left(readConfig({}, directory)).map(faultLine), [
      `${join(directory, 'default.json')}: expected a file that can be read`,
    ]);
  },
);

t.test('when a value of a file is wrong, then the fault names its variable, too', async (t) => {
  const directory = t.testdir({
    'default.json': '{"server":{"port":"x"},"broker":{"redisUrl":"","redisCluster":true}}',
  });
  t.strictSame(left(readConfig({}, directory)).map(faultLine), [
    'server.port=x: expected a whole number from 0 to 65535 (as a variable: PORT)',
    'REDIS_URL=: expected one node or more, as REDIS_CLUSTER is true',
  ]);
});

t.test(
  'when a file has an unknown key, a wrong shape or a wrong kind, then the fault names the path',
  async (t) => {
    const of = (text: string): readonly string[] =>
      left(readConfig({}, t.testdir({ 'default.json': text }))).map(({ key }) => key);
    t.match(of('{'), [/\/default\.json$/]);
    t.strictSame(of('\uFEFF{"server":{"port":"x"}}'), ['server.port'], 'behind a byte order mark');
    t.strictSame(of('[]'), ['configuration']);
    t.strictSame(of('{"server":1,"sever":{},"limits":{"prot":1}}'), [
      'server',
      'sever',
      'limits.prot',
    ]);
    t.strictSame(of('{"server":{"port":{"a":{"b":1}}}}'), ['server.port']);
    t.strictSame(of('{"__proto__":{},"server":{"__proto__":1,"constructor":2,"toString":3}}'), [
      '__proto__',
      'server.__proto__',
      'server.constructor',
      'server.toString',
    ]);
    t.strictSame(
      of(
        '{"server":{"port":true,"host":7,"allowedOrigins":[1],"drainMs":null,"readyRequiresBroker":"TLS"}}',
      ),
      [
        'server.port',
        'server.host',
        'server.drainMs',
        'server.readyRequiresBroker',
        'server.allowedOrigins',
      ],
    );
    const directory = t.testdir({ 'default.json': '{"server":{"port":"x"}}' });
    t.equal(
      right(readConfig({ PORT: '1' }, directory)).server.port,
      1,
      'a value that another layer replaces does not count',
    );
    mkdirSync(join(directory, 'empty'));
    writeFileSync(join(directory, 'production.json'), '{"server":{"port":80}}');
    t.equal(right(readConfig({ NODE_ENV: 'production' }, directory)).server.port, 80);
    t.equal(
      right(readConfig({}, join(directory, 'empty'))).server.port,
      8000,
      'no file is no fault',
    );
  },
);
