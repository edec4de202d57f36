/** What the specs of the configuration share: every default, a key of each kind, and readers that fail the spec. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import { type Config, type Fault, faultLine, readConfig } from '../../lib/config/index.js';

/** A pair of keys as PEM. */
export const pem = (
  type: 'rsa' | 'ec' | 'ed25519',
  options: { readonly modulusLength?: number; readonly namedCurve?: string } = {},
): { readonly publicKey: string; readonly privateKey: string } =>
  // the overloads of `generateKeyPairSync` need each type as a literal
  generateKeyPairSync(type as 'rsa', {
    ...(options as { readonly modulusLength: number }),
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
export const { publicKey: PUBLIC, privateKey: PRIVATE } = pem('ed25519');
export const JWK = createPublicKey(PUBLIC).export({ format: 'jwk' });

export const RSA = createPublicKey(pem('rsa', { modulusLength: 2048 }).publicKey).export({
  format: 'jwk',
});
/** p - 1, the point of order 2 of Ed25519, behind its first 12 bits. */
export const SEVENS = `${'_'.repeat(39)}38`;
export const INFINITE = 'MBkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDAgAA';

type Result = E.Either<readonly Fault[], Config>;

export const right = (result: Result): Config => {
  if (E.isLeft(result)) throw new Error(result.left.map(faultLine).join('; '));
  return result.right;
};
export const left = (result: Result): readonly Fault[] => {
  if (E.isRight(result)) throw new Error('expected faults, got a configuration');
  return result.left;
};
export const read = (env: Readonly<Record<string, string>>): Config =>
  right(readConfig(env, undefined));
export const faults = (env: Readonly<Record<string, string>>): readonly string[] =>
  left(readConfig(env, undefined)).map(({ key }) => key);

/** Every variable of the configuration with its default as text. */
export const DEFAULTS = {
  PORT: '8000',
  HOST: '127.0.0.1',
  SERVER_ID: '',
  LOG_LEVEL: 'info',
  LOG_FORMAT: 'json',
  WORKERS: '1',
  MAX_CONNECTIONS: '10000',
  DRAIN_MS: '10000',
  READY_REQUIRES_BROKER: 'false',
  ALLOWED_ORIGINS: '',
  BASE_PATH: '/api/chat-api',
  DEMO_PAGE: 'true',
  TRUSTED_PROXIES: '',
  HTTP_KEEP_ALIVE_MS: '75000',
  AUTH_ENABLED: 'false',
  JWT_SECRET: '',
  JWT_PUBLIC_KEY: '',
  JWT_JWKS_URL: '',
  JWT_ISSUER: '',
  JWT_AUDIENCE: '',
  API_KEYS: '',
  GLOBAL_PUBLISH: 'any',
  MAX_MESSAGE_BYTES: '65536',
  SEND_BUFFER_MESSAGES: '256',
  SEND_BUFFER_BYTES: '1048576',
  PING_INTERVAL_MS: '54000',
  PONG_TIMEOUT_MS: '60000',
  MAX_ROOMS_PER_CONNECTION: '100',
  RATE_LIMIT_PER_SECOND: '100',
  RATE_LIMIT_BURST: '200',
  RATE_LIMIT_BYTES: '1048576',
  HANDSHAKE_TIMEOUT_MS: '10000',
  MAX_CONNECTIONS_PER_USER: '0',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  OUTBOX_TOTAL_BYTES: '268435456',
  ROOM_LINGER_MS: '5000',
  REDIS_URL: '',
  REDIS_SENTINELS: '',
  REDIS_SENTINEL_NAME: '',
  REDIS_CLUSTER: 'false',
  REDIS_PREFIX: '',
  BROKER_TIMEOUT_MS: '2000',
  KAFKA_BROKERS: '',
  KAFKA_TOPIC: 'realtime.messages',
  LOG_MESSAGES: '1000',
  LOG_TTL_MS: '600000',
  LOG_POSITION_TTL_MS: '86400000',
  DATABASE_URL: '',
  ARCHIVE_RETENTION_DAYS: '0',
  PRESENCE_EVENTS: 'true',
  PRESENCE_MAX_ROOM: '256',
} as const;
