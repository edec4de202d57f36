/**
 * Which secrets and API keys are too weak. A secret that can be guessed, or that is published, is refused. A
 * secret that only looks weak causes a warning, as no rule recognises a random text for certain. The texts
 * contain no part of a secret.
 */
import type { Config } from './schema.js';

/** RFC 7518 §3.2: as long as the digest. A shorter secret can be guessed offline from any one token. */
const MIN_SECRET_BYTES = 32;
/** Shorter keys can be guessed over HTTP. */
const MIN_API_KEY = 8;
const GOOD_API_KEY = 16;

/** Secrets of debuggers and templates: long enough, and published. */
const PUBLISHED: ReadonlySet<string> = new Set([
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  'super-secret-jwt-token-with-at-least-32-characters-long',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
]);

export interface CredentialFault {
  readonly key: 'jwtSecret' | 'apiKeys';
  readonly expected: string;
}

/** None while authentication is off: then the secret and the keys give no access. */
export const credentialFaults = ({
  authEnabled,
  jwtSecret,
  apiKeys,
}: Pick<Config['access'], 'authEnabled' | 'jwtSecret' | 'apiKeys'>): readonly CredentialFault[] => {
  if (!authEnabled) return [];
  const faults: readonly (readonly [
    holds: boolean,
    key: CredentialFault['key'],
    expected: string,
  ])[] = [
    [
      jwtSecret !== '' && Buffer.byteLength(jwtSecret) < MIN_SECRET_BYTES,
      'jwtSecret',
      `at least ${MIN_SECRET_BYTES} bytes (openssl rand -base64 32): a shorter secret can be guessed from any token`,
    ],
    [
      PUBLISHED.has(jwtSecret),
      'jwtSecret',
      'a secret of your own: this one is in public documentation',
    ],
    [
      apiKeys.some(({ length }) => length < MIN_API_KEY),
      'apiKeys',
      `keys of at least ${MIN_API_KEY} characters, better 32 random characters: a shorter key can be guessed`,
    ],
    [
      apiKeys.includes(jwtSecret),
      'apiKeys',
      'keys that differ from JWT_SECRET: else anyone who sees such a key could sign tokens',
    ],
  ];
  return faults.flatMap(([holds, key, expected]) => (holds ? [{ key, expected }] : []));
};

const PLACEHOLDER = /change.?me|replace.?me|your.?secret|placeholder|example|password|12345678/i;
const FEW_CHARACTERS = 8;

/** Whether it looks as if a person has made up the text. */
const looksMadeUp = (text: string): boolean =>
  PLACEHOLDER.test(text) || new Set(text).size < FEW_CHARACTERS;

/** Warnings about secrets that are accepted all the same. */
export const credentialWarnings = ({
  jwtSecret: secret,
  apiKeys,
}: Pick<Config['access'], 'jwtSecret' | 'apiKeys'>): readonly string[] => {
  const warnings: readonly (readonly [holds: boolean, text: string])[] = [
    [
      secret !== '' && looksMadeUp(secret),
      'JWT_SECRET looks like a placeholder: anyone who guesses it can sign tokens; use 32 random bytes',
    ],
    [
      secret.trim() !== secret,
      "JWT_SECRET begins or ends with white space: remove the white space, unless the issuer's secret has it too",
    ],
    [
      apiKeys.some(({ length }) => length < GOOD_API_KEY),
      `API_KEYS: a key is shorter than ${GOOD_API_KEY} characters; use 32 random characters`,
    ],
    [
      apiKeys.some((key) => key.length >= GOOD_API_KEY && looksMadeUp(key)),
      'API_KEYS: a key looks like a placeholder; use 32 random characters',
    ],
    [
      new Set(apiKeys).size < apiKeys.length,
      'API_KEYS contains a key twice; remove one of the two',
    ],
  ];
  return warnings.flatMap(([holds, text]) => (holds ? [text] : []));
};
