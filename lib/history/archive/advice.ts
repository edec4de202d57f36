/** What an operator can do about an error of PostgreSQL, or of the connection to it. */

/** The first one that fits the error's text and code. */
const ADVICE: readonly (readonly [about: RegExp, advice: string])[] = [
  [/\(28P01\)/, 'check the user and the password in DATABASE_URL'],
  [/password must be a string/, 'PostgreSQL wants a password: write it in DATABASE_URL'],
  [
    /pg_hba\.conf/,
    'allow the user, the database and this address in pg_hba.conf; with "no encryption" in the text, ' +
      'sslmode=verify-full in DATABASE_URL may be what is missing',
  ],
  [/\(28000\)/, 'check the user in DATABASE_URL, or make it with CREATE ROLE … LOGIN'],
  [/\(3D000\)/, 'check the database in DATABASE_URL, or make it with CREATE DATABASE'],
  [/\(42501\)/, 'run chat-api check: it has the statements that give the role its rights'],
  [/\(53300\)/, 'raise max_connections of PostgreSQL: each pod opens up to 8'],
  [/\((53100|53200)\)/, 'PostgreSQL has no more disk or memory'],
  [/\(57014\)/, 'the statement took too long: look for locks, and for a slow disk'],
  [/\(57P03\)/, 'PostgreSQL starts, or stops: wait until it answers'],
  [
    /\(25006\)/,
    'the server takes no writes: write the primary in DATABASE_URL, or look at default_transaction_read_only',
  ],
  [
    /does not support SSL/,
    'write sslmode=disable in DATABASE_URL, or turn on ssl in postgresql.conf',
  ],
  [
    /self-signed certificate|unable to (verify|get) .*(certificate|issuer)/,
    'name the authority that made the certificate: sslrootcert=FILE in DATABASE_URL',
  ],
  [/does not match certificate/, 'write the name of the certificate as the host in DATABASE_URL'],
  [/\b(ENOENT|EACCES|EISDIR)\b/, 'a file that DATABASE_URL names cannot be read'],
  [
    /\bECONNREFUSED\b/,
    'nothing listens there: start PostgreSQL, or check host and port in DATABASE_URL',
  ],
  [/\bENOTFOUND\b/, 'the name of the host is not known: check DATABASE_URL'],
  [/\bEAI_AGAIN\b/, 'the name server did not answer: try an IP address in DATABASE_URL'],
  [
    /\b(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL)\b/,
    'no route to that address: check DATABASE_URL',
  ],
  [
    /\bETIMEDOUT\b|timeout/i,
    'no answer in time: PostgreSQL stands still, or a firewall is between; check host and port in DATABASE_URL',
  ],
];

/** An error's text, followed by what to do about it. */
export const advised = (detail: string): string => {
  const advice = ADVICE.find(([about]) => about.test(detail))?.[1];
  return advice === undefined ? detail : `${detail}; ${advice}`;
};
