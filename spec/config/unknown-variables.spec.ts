/** Variables that look like those of the service and are none. */
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { readConfig } from '../../lib/config/index.js';
import { unknownVariables } from '../../lib/config/unknown-variables.js';
import { DEFAULTS } from '../support/config.js';

t.test(
  'when a variable is unknown and looks like one of the service, then a line names the known one',
  async (t) => {
    const meant = (name: string): string | undefined =>
      / is (\w+) meant/.exec(unknownVariables({ [name]: 'x' }).join())?.[1];
    for (const [name, known] of Object.entries({
      PROT: 'PORT',
      HSOT: 'HOST',
      MAX_CONNECTION: 'MAX_CONNECTIONS',
      JWT_SECRT: 'JWT_SECRET',
      REDIS_URI: 'REDIS_URL',
      REDISURL: 'REDIS_URL',
      redis_url: 'REDIS_URL',
      'REDIS-URL': 'REDIS_URL',
      ALLOWED_ORIGIN: 'ALLOWED_ORIGINS',
      AUTH_ENABELD: 'AUTH_ENABLED',
      SERVERID: 'SERVER_ID',
      NODE_EVN: 'NODE_ENV',
      port: 'PORT',
      Host: 'HOST',
      log_level: 'LOG_LEVEL',
      REDIS_HOST: 'REDIS_URL',
      REDIS_PORT: 'REDIS_URL',
      REDIS_PASSWORD: 'REDIS_URL',
      redis_password: 'REDIS_URL',
      JWT_KEY: 'JWT_SECRET',
      JWT_PUBLIC_KEY_FILE: 'JWT_PUBLIC_KEY',
      AUTH_REQUIRED: 'AUTH_ENABLED',
      AUTH_SECRET: 'JWT_SECRET',
      LOG_TTL: 'LOG_TTL_MS',
      LOG_PRETTY: 'LOG_LEVEL',
      RATE_LIMIT: 'RATE_LIMIT_PER_SECOND',
      MAX_ROOMS: 'MAX_ROOMS_PER_CONNECTION',
      MAX_MESSAGE_SIZE: 'MAX_MESSAGE_BYTES',
      API_TOKEN: 'API_KEYS',
      BROKER_TIMEOUT: 'BROKER_TIMEOUT_MS',
    }))
      t.equal(meant(name), known, name);
    for (const name of [
      ...[
        'PORTS',
        'POST',
        'SORT',
        'HOME',
        'HOSTS',
        'GHOST',
        'PATH',
        'PWD',
        'USER',
        'SHELL',
        'LANG',
      ],
      ...['TERM', 'LOGNAME', 'HOSTNAME', 'DATABASE', 'HTTP_PROXY', 'SERVER_NAME', 'MAX', 'REDIS'],
      ...['npm_config_port', 'NODE_OPTIONS', 'CHAT_PORT', 'XPORT', '_', ''],
      ...[`MAX_${'A'.repeat(1000)}`, 'BASE_URL', 'KAFKA_HOST', 'DATABASE_HOST', 'AUTHORITY'],
      ...Object.keys(DEFAULTS),
    ])
      t.equal(meant(name), undefined, name);
    const twice = { REDIS_HOST: 'a', redis_host: 'b' };
    t.equal(unknownVariables(twice).length, 2, 'each once');
    t.strictSame(unknownVariables({ PROT: '', JWT_SECRT: undefined }), [], 'not set');
    t.notMatch(unknownVariables({ JWT_SECRT: 'hunter2' }), [/hunter2/]);
  },
);

t.test(
  'when the platform sets variables for other services, then no line names them',
  async (t) => {
    const address = 'tcp://10.96.0.11:6379';
    const services = ['REDIS', 'API', 'AUTH', 'LOG', 'REDIS_CLUSTER', 'RATE_LIMIT', 'JWT', 'MAX'];
    const env = Object.assign(
      {},
      ...services.map((name) => ({
        [`${name}_SERVICE_HOST`]: '10.96.0.11',
        [`${name}_SERVICE_PORT`]: '6379',
        [`${name}_SERVICE_PORT_HTTP`]: '6379',
        [`${name}_PORT`]: address,
        [`${name}_PORT_6379_TCP`]: address,
        [`${name}_PORT_6379_TCP_PROTO`]: 'tcp',
        [`${name}_PORT_6379_TCP_PORT`]: '6379',
        [`${name}_PORT_6379_TCP_ADDR`]: '10.96.0.11',
        [`${name}_NAME`]: '/chat/redis',
        [`${name}_ENV_LANG`]: 'C',
      })),
    ) as Record<string, string>;
    t.strictSame(unknownVariables(env), []);
    t.equal(E.isRight(readConfig(env, undefined)), true);
  },
);
