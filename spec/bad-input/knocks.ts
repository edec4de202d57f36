/** A pod that requires tokens, and handshakes with it. */
import { BASE } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { inSeconds, pairFor, pemOf, SECRET, tokenOf } from '../support/tokens.js';
import { isProblem } from './handshake.js';
import { once, type Row, type Stage } from './row.js';

export const RS256 = pairFor('RS256');

export const PEM = pemOf(RS256.publicKey);

export const KEY = 'key-of-the-residents';

export const [ISSUER, AUDIENCE] = ['https://id.example', 'chat'];

const MOST = 4;

/** Of the pod, and what its residents show. */
export const ENV = {
  AUTH_ENABLED: 'true',
  JWT_SECRET: SECRET,
  JWT_PUBLIC_KEY: PEM,
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  API_KEYS: KEY,
  MAX_CONNECTIONS_PER_USER: `${MOST}`,
};

export const RESIDENT = { 'X-API-Key': KEY };

export const OURS = { iss: ISSUER, aud: AUDIENCE };

/** The claims of a good token but for its subject, for those that no object can have. */
export const REST = `"iss":"${ISSUER}","aud":"${AUDIENCE}","exp":${inSeconds(3600)}`;

type Making = NonNullable<Parameters<typeof tokenOf>[1]>;

export const good = (claims: object = {}, making: Making = {}): string =>
  tokenOf({ ...OURS, ...claims }, making);

export type Headers = Readonly<Record<string, string>>;

export const bearer = (token: string): Headers => ({ Authorization: `Bearer ${token}` });

/** The answer to a handshake: its status, and what the browser is to do. */
export const knock = async (stage: Stage, path: string, headers: Headers): Promise<string> => {
  const client = await stage.raw();
  client.write(handshakeOf(`${BASE}${path}`, headers));
  const { status, headers: answered, body } = await client.answer();
  if (status === 101) return '101';
  if (!isProblem(status, answered, body)) return `${status}, no problem: ${body}`;
  await client.ended();
  const how = answered.get('www-authenticate');
  return `${status}${how === undefined ? '' : `, ${how}`}`;
};

export const UNKNOWN = '401, Bearer';

/** Why a handshake is refused: the log has the reason, the client does not get it. */
export const REASONS = [
  'Missing',
  'Malformed',
  'Untrusted',
  'Expired',
  'NotYetValid',
  'InvalidClaim',
  'UnknownKey',
];

export const row = (
  name: string,
  sent: string,
  headers: Headers,
  due: string,
  path = '/ws/a',
): Row => ({
  row: name,
  sent,
  due,
  ...(due === '101' ? {} : { counted: once(`rejected ${due.slice(0, 3)}`) }),
  play: (stage) => knock(stage, path, headers),
});

export const denied = (name: string, sent: string, token: string): Row =>
  row(name, sent, bearer(token), UNKNOWN);

export const withKid = (kid: string): string =>
  good({}, { alg: 'RS256', key: RS256.privateKey, header: { kid } });

export const header = (more: object): string => good({}, { header: more });
