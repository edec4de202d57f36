/** The configuration as pods and programs ask for it: layers, defaults, overrides. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import {
  ConfigError,
  configOf,
  configOrThrow,
  envExample,
  faultLine,
  readConfig,
} from '../../lib/config/index.js';
import { DEFAULTS, left, read, right } from '../support/config.js';
import { ROOT } from '../support/root.js';

const CONFIG = join(ROOT, 'config');

t.test(
  'when nothing is set, then the defaults hold, and .env.example lists them all',
  async (t) => {
    const text = envExample();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    t.strictSame(
      Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
      DEFAULTS,
    );
    t.equal(readFileSync(join(ROOT, '.env.example'), 'utf8'), text, 'run `npm run env-example`');
    t.strictSame(
      read(DEFAULTS),
      right(configOf()),
      'the text of each default reads as the default',
    );
  },
);

t.test(
  'when nothing is set, then every group has its values and the pod a name of its own',
  async (t) => {
    const config = read({});
    t.match(config, {
      server: {
        port: 8000,
        host: '127.0.0.1',
        logLevel: 'info',
        allowedOrigins: [],
        basePath: '/api/chat-api',
      },
      access: { authEnabled: false, apiKeys: [], globalPublish: 'any' },
      limits: { maxMessageBytes: 65_536, sendBufferMessages: 256, pingIntervalMs: 54_000 },
      broker: { redisUrl: '', redisSentinels: [], redisCluster: false },
      log: { logMessages: 1000 },
      presence: { presenceEvents: true, presenceMaxRoom: 256 },
    });
    t.match(config.server.serverId, /^[A-Za-z0-9_.:-]{1,128}$/);
    t.ok(config.server.serverId.endsWith(`-${process.pid}`));
    if (/^[A-Za-z0-9.-]+$/.test(hostname()))
      t.ok(config.server.serverId.startsWith(hostname().slice(0, 100)));
  },
);

t.test(
  'when NODE_ENV is production, then the pod listens on all addresses and has no demo page; default.json repeats the schema',
  async (t) => {
    t.strictSame(right(readConfig({}, CONFIG)), right(configOf()));
    const isDemo = (env: Readonly<Record<string, string>>): boolean =>
      right(readConfig(env, CONFIG)).server.demoPage;
    t.equal(isDemo({}), true);
    t.equal(isDemo({ NODE_ENV: 'production' }), false);
    t.equal(isDemo({ NODE_ENV: 'production', DEMO_PAGE: 'true' }), true);
    t.equal(right(readConfig({ NODE_ENV: 'production' }, CONFIG)).server.host, '0.0.0.0');
    t.equal(
      right(readConfig({ NODE_ENV: 'production', HOST: '127.0.0.2' }, CONFIG)).server.host,
      '127.0.0.2',
    );
    t.equal(right(readConfig({ NODE_ENV: 'production' }, undefined)).server.host, '127.0.0.1');
  },
);

t.test(
  'when several sources set a value, then the last counts: schema, default.json, NODE_ENV.json, environment',
  async (t) => {
    const directory = t.testdir({
      'default.json': JSON.stringify({
        server: { port: 1, maxConnections: 2 },
        limits: { rateLimitBurst: 3 },
        log: { logMessages: 4 },
      }),
      'staging.json': JSON.stringify({
        server: { maxConnections: 20, allowedOrigins: ['https://a.example', 'https://b.example'] },
        log: { logMessages: 40 },
      }),
    });
    const config = right(readConfig({ NODE_ENV: 'staging', LOG_MESSAGES: '400' }, directory));
    t.equal(config.limits.rateLimitPerSecond, 100);
    t.equal(config.server.port, 1);
    t.equal(config.limits.rateLimitBurst, 3);
    t.equal(config.server.maxConnections, 20);
    t.strictSame(config.server.allowedOrigins, ['https://a.example', 'https://b.example']);
    t.equal(config.log.logMessages, 400);
    t.equal(
      right(readConfig({ NODE_ENV: 'other' }, directory)).server.maxConnections,
      2,
      'no such file is no fault',
    );
    t.equal(left(readConfig({ NODE_ENV: '../default' }, directory))[0]?.key, 'NODE_ENV');
  },
);

t.test('when a variable is empty, then it is as if it were not set', async (t) => {
  t.equal(read({ PORT: '' }).server.port, 8000);
  const directory = t.testdir({ 'default.json': '{"server":{"port":81}}' });
  t.equal(right(readConfig({ PORT: '' }, directory)).server.port, 81);
});

t.test(
  'when a program gives values of its own, then they are checked in the same way',
  async (t) => {
    const config = right(
      configOf({
        server: { port: 0, serverId: 'a' },
        broker: {
          redisSentinels: [{ host: 'h', port: 1 }],
          redisSentinelName: 'm',
          redisUrl: undefined,
        },
      }),
    );
    t.equal(config.server.port, 0);
    t.strictSame(config.broker.redisSentinels, [{ host: 'h', port: 1 }]);
    t.strictSame(
      left(configOf({ server: { port: -1 }, limits: { pingIntervalMs: 70_000 } })).map(
        ({ key }) => key,
      ),
      ['server.port', 'limits.pingIntervalMs'],
    );
    t.equal(
      right(configOf({ server: { serverId: 'b' } })).broker.redisUrl,
      '',
      'one call leaves nothing to the next',
    );
  },
);

t.test(
  "when a program passes the environment, then its variables override the program's values",
  async (t) => {
    const own = { server: { port: 1, drainMs: 2_000 } };
    t.match(right(configOf(own, { PORT: '3' })).server, { port: 3, drainMs: 2_000 });
    t.equal(right(configOf(own)).server.port, 1, 'it is not read unless it is given');
    t.equal(configOrThrow(own, { PORT: '3' }).server.port, 3);
  },
);

t.test(
  'when configOrThrow gets an invalid configuration, then the error lists every fault and no secret',
  async (t) => {
    const wrong = {
      server: { port: -1 },
      access: { jwtSecret: ['hunter2'] as unknown as string },
      limits: { pingIntervalMs: 70_000 },
    };
    try {
      configOrThrow(wrong, { LOG_LEVEL: 'loud' });
      t.fail('it throws');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      t.equal(error.name, 'ConfigError');
      t.strictSame(error.faults, left(configOf(wrong, { LOG_LEVEL: 'loud' })));
      t.strictSame(
        error.faults.map(({ key }) => key),
        ['server.port', 'LOG_LEVEL', 'access.jwtSecret', 'limits.pingIntervalMs'],
      );
      t.strictSame(error.message.split('\n').slice(1), error.faults.map(faultLine));
      t.match(error.message, /^the configuration has faults:\nserver\.port=-1: expected /);
      t.notMatch(error.message, /hunter2/);
    }
  },
);

t.test('when a program passes no object, then the error names what is expected', async (t) => {
  const none = null as unknown as undefined;
  for (const given of [null, 'x', 5, []])
    t.throws(() => configOrThrow(given as unknown as undefined), {
      name: 'ConfigError',
      message: /configuration=.*: expected an object of groups/,
    });
  const env = none as unknown as Record<string, string>;
  const why = { name: 'ConfigError', message: /environment=null: expected variables by name/ };
  t.throws(() => configOrThrow({}, env), why);
  t.match(left(readConfig(env, undefined)), [{ key: 'environment' }]);
});
