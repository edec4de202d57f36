import t from 'tap';
import { advised } from '../../../lib/history/archive/advice.js';
import { failureOf } from '../../../lib/history/archive/failure.js';

t.test('when an error is known, then its text says what to do', async (t) => {
  const rows: readonly (readonly [code: string, text: string, advice: RegExp])[] = [
    ['28P01', 'password authentication failed for user "u"', /\(28P01\); check the user and the/],
    ['28000', 'no pg_hba.conf entry for host "h", no encryption', /allow the user.*sslmode=verify/],
    ['28000', 'role "u" does not exist', /CREATE ROLE/],
    ['3D000', 'database "d" does not exist', /CREATE DATABASE/],
    ['42501', 'permission denied for table messages', /run chat-api check/],
    ['53300', 'too many connections for role "u"', /max_connections/],
    ['53100', 'could not extend file', /no more disk/],
    ['57P03', 'the database system is starting up', /wait/],
    ['25006', 'cannot execute INSERT in a read-only transaction', /the primary/],
    ['57014', 'canceling statement due to statement timeout', /look for locks/],
    [
      'ECONNREFUSED',
      'connect ECONNREFUSED 127.0.0.1:1',
      /start PostgreSQL, or check host and port/,
    ],
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND db', /name of the host is not known/],
    ['ENOENT', "ENOENT: no such file or directory, open '/x.pem'", /cannot be read/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate', /sslrootcert=FILE/],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      "Hostname/IP does not match certificate's altnames",
      /as the host/,
    ],
    ['', 'The server does not support SSL connections', /sslmode=disable/],
    ['', 'timeout expired', /no answer in time/],
    ['', 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', /wants a password/],
  ];
  for (const [code, text, advice] of rows) {
    const error = Object.assign(new Error(text), code === '' ? {} : { code });
    t.match(failureOf(error, false).detail, advice, text);
    t.ok(failureOf(error, false).detail.startsWith(text), 'the words of PostgreSQL come first');
  }
});

t.test('when an error is not known, then its text is as it was', async (t) => {
  t.equal(advised('the moon is full (XX000)'), 'the moon is full (XX000)');
});
