/** The text of `.env.example`: every variable with its description and its default. */
import t from 'tap';
import { envExample } from '../../lib/config/env-example.js';
import { readConfig } from '../../lib/config/index.js';
import { DEFAULTS, right } from '../support/config.js';

const LINES = envExample().split('\n');

const assigned = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    LINES.filter((line) => /^[A-Z]/.test(line)).map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );

t.test('when the example is written, then it has each variable once', async (t) => {
  const names = LINES.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split('=')[0]);
  t.same(names.length, new Set(names).size);
  t.same([...names].sort(), Object.keys(DEFAULTS).sort());
});

t.test('when a variable has a default, then its line has it', async (t) => {
  const { SERVER_ID: _named, ...rest } = DEFAULTS;
  t.match(assigned(), rest);
});

t.test('when an operator reads a line, then its description is before it', async (t) => {
  LINES.forEach((line, i) => {
    if (/^[A-Z]/.test(line)) t.match(LINES[i - 1], /^# \w/, line);
  });
});

t.test('when the example is used as it is, then the service has its defaults', async (t) => {
  const { SERVER_ID: _named, ...env } = assigned();
  const { server: used, ...config } = right(readConfig(env, undefined));
  const { server, ...defaults } = right(readConfig({}, undefined));
  t.same(config, defaults);
  t.same({ ...used, serverId: '' }, { ...server, serverId: '' });
});
