/** The commands as people run them, without Redis: texts, exit codes, and tokens that the service accepts. */
import t from 'tap';
import { commandEnded, inProcess } from '../support/command.js';
import { BASE, startProcess } from '../support/pod.js';
import { SECRET } from '../support/tokens.js';

t.test('when a command is unknown or asks for help, then the usage is printed', async (t) => {
  const help = await commandEnded(t, ['--help']);
  t.equal(help.code, 0);
  t.match(help.stdout, /chat-api check.*chat-api token.*chat-api watch/s);
  t.equal((await commandEnded(t, ['token', '-h'])).stdout, help.stdout);
  const unknown = await commandEnded(t, ['chek']);
  t.equal(unknown.code, 64);
  t.match(unknown.stderr, /^chek: no command of chat-api; write check, token or watch\nUsage:/);
});

t.test('when the configuration is wrong, then check ends with 78 and a line a fault', async (t) => {
  const { code, stdout, stderr } = await commandEnded(t, ['check'], { PORT: 'x', LOG_LEVEL: 'y' });
  t.equal(code, 78);
  t.equal(stdout, '');
  t.match(stderr, /^PORT=x: expected .*\nLOG_LEVEL=y: expected .*\n$/);
});

t.test('when all is well without Redis, then check ends with 0', async (t) => {
  const { code, stdout } = await commandEnded(t, ['check'], { MAX_CONNECTIONS: '10' });
  t.equal(code, 0);
  t.match(stdout, /^ok {7}configuration: .*\nok {7}open files: .*\nok {7}broker: local.*\n3 ok/);
});

t.test('when a configuration is unsafe, then check warns, and ends with 0', async (t) => {
  const env = { MAX_CONNECTIONS: '10', HOST: '0.0.0.0', JWT_SECRE: 'x' };
  const { code, stdout } = await commandEnded(t, ['check'], env);
  t.equal(code, 0);
  t.match(stdout, /^warning {2}configuration: JWT_SECRE is no variable .* JWT_SECRET meant/m);
  t.match(stdout, /^warning {2}configuration: AUTH_ENABLED is false on an address other than/m);
  t.match(stdout, /\n3 ok, 2 warnings, 0 failed\n$/);
});

t.test('when more files are needed than may be open, then check ends with 1', async (t) => {
  const limited = await commandEnded(t, ['check'], { MAX_CONNECTIONS: '99999999' });
  t.equal(limited.code, 1);
  t.match(limited.stdout, /^failed {3}open files: ulimit -n is \d+, but MAX_CONNECTIONS=99999999/m);
});

t.test('when there is no secret, then token says so, and prints nothing', async (t) => {
  const { code, stdout, stderr } = await commandEnded(t, ['token', '--sub', 'alice']);
  t.equal(code, 78);
  t.equal(stdout, '');
  t.match(stderr, /^JWT_SECRET is not set: set it in the environment or in \.env/);
});

t.test('when token is used wrongly, then it says what to write, and ends with 64', async (t) => {
  const rows: readonly (readonly [args: readonly string[], text: RegExp])[] = [
    [[], /^write --sub/],
    [['--sub'], /--sub/],
    [['--sub', 'a', '--expires', '1w'], /^--expires 1w: write a time such as 30s/],
    [['--sub', 'a', '--rooms', 'te*m'], /^"te\*m": write the name of a room/],
    [['--sub', 'a', '--rooms', 'x', 'y'], /^write several patterns as one text/],
    [['--sub', 'a', '--nope'], /--nope/],
    [['--sub', 'Server'], /the service would refuse the token: expected sub: /],
  ];
  for (const [args, text] of rows) {
    const { code, stdout, stderr } = await inProcess(['token', ...args], {
      JWT_SECRET: SECRET,
      AUTH_ENABLED: 'true',
    });
    t.equal(code, 64, args.join(' '));
    t.equal(stdout, '');
    t.match(stderr, text);
  }
});

t.test(
  'when token prints a token, then the service gives it the rights that were asked',
  async (t) => {
    const env = { JWT_SECRET: SECRET, AUTH_ENABLED: 'true', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
    const pod = await startProcess(t, env);
    const args = ['token', '--sub', 'alice', '--rooms', 'team-*,lobby', '--publish', 'lobby'];
    const made = await commandEnded(t, [...args, '--global', '--admin', '--expires', '30m'], env);
    t.equal(made.code, 0);
    t.equal(made.stderr, '');
    const token = made.stdout.trim();
    const [, payload = ''] = token.split('.');
    const { iat, exp, ...claims } = JSON.parse(
      Buffer.from(payload, 'base64url').toString(),
    ) as Readonly<Record<string, unknown>>;
    t.strictSame(claims, {
      sub: 'alice',
      rooms: { join: ['team-*', 'lobby'], publish: ['lobby'], global: true },
      scope: 'admin',
      iss: 'i',
      aud: 'a',
    });
    t.equal(Number(exp) - Number(iat), 1_800);
    const statusOf = async (room: string): Promise<number> => {
      const headers = { Authorization: `Bearer ${token}` };
      return (await pod.doors.get(`${BASE}/rooms/${room}/messages`, 'GET', headers)).status;
    };
    t.strictSame(await Promise.all(['team-1', 'lobby', 'other'].map(statusOf)), [200, 200, 403]);
  },
);
