/** Values that are allowed and almost always a mistake: reported at the start. */
import { credentialWarnings } from './credentials.js';
import { databaseOf } from './redis-url.js';
import type { Config } from './schema.js';

export const warningsOf = ({ server, access, broker, log }: Config): readonly string[] => {
  const { authEnabled, jwtSecret, jwtPublicKey, jwtJwksUrl, jwtAudience, apiKeys } = access;
  const hasKeys = `${jwtSecret}${jwtPublicKey}${jwtJwksUrl}` !== '' || apiKeys.length > 0;
  const database = databaseOf(broker.redisUrl);
  const warnings: readonly (readonly [holds: boolean, text: string])[] = [
    [
      !authEnabled && !isLoopback(server.host),
      'AUTH_ENABLED is false on an address other than loopback: anyone who reaches it may read and write everything; set AUTH_ENABLED=true and a key',
    ],
    [
      !authEnabled && hasKeys,
      'AUTH_ENABLED is false: keys are set, but no client needs one; set AUTH_ENABLED=true',
    ],
    [
      authEnabled && jwtJwksUrl.startsWith('http:') && !isLoopback(new URL(jwtJwksUrl).hostname),
      'JWT_JWKS_URL is not https: anyone on the network path can sign tokens; use https',
    ],
    [
      database > 0 && broker.redisPrefix === '',
      `REDIS_URL names database ${database} without a REDIS_PREFIX: channels have no databases, so services on ` +
        'other databases of this Redis share its channels; set a REDIS_PREFIX for each',
    ],
    [
      log.archiveRetentionDays > 0 && log.databaseUrl === '',
      'ARCHIVE_RETENTION_DAYS is set without DATABASE_URL: there is no archive, so it has no effect; set DATABASE_URL',
    ],
    [
      authEnabled && jwtJwksUrl !== '' && jwtAudience === '',
      'JWT_JWKS_URL without JWT_AUDIENCE: tokens that the issuer signed for other services are accepted here too; set JWT_AUDIENCE',
    ],
  ];
  return [
    ...warnings.flatMap(([holds, text]) => (holds ? [text] : [])),
    ...(authEnabled ? credentialWarnings(access) : []),
  ];
};

const isLoopback = (host: string): boolean =>
  ['localhost', '::1', '[::1]'].includes(host) || host.startsWith('127.');
