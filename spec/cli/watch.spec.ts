/** `chat-api watch ROOM`: lines of messages and gaps, and how it ends. */
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { command, commandEnded, inProcess } from '../support/command.js';
import { BASE, doorsOf, runMain, startProcess } from '../support/pod.js';
import { freePort, until } from '../support/redis.js';
import { SECRET, tokenOf } from '../support/tokens.js';

const ACCESS = { AUTH_ENABLED: 'true', JWT_SECRET: SECRET };
const tokenFor = (sub: string, rooms?: object): string => tokenOf({ sub, ...(rooms && { rooms }) });

t.test('when messages come, then each is a line; SIGINT ends it with 0', async (t) => {
  const pod = await startProcess(t, ACCESS);
  const url = `ws://127.0.0.1:${pod.doors.port}${BASE}/ws`;
  const watching = await command(t, ['watch', 'general', '--url', url, '--token', tokenFor('bob')]);
  await until('live', () => watching.stderr().startsWith(`live at ${url}, pod `));
  const headers = { Authorization: `Bearer ${tokenFor('alice')}` };
  const alice = await pod.doors.connect('/ws/general', { headers });
  await until(
    'joined',
    () => alice.all({ data: { event: 'joined', members: 2 } }).length > 0,
    5_000,
  ).catch(() => undefined);
  // the join follows the welcome at once
  await setTimeout(500);
  for (const content of ['one', 'two']) alice.send({ type: 'chat', data: { content } });
  await until('two lines', () => watching.stdout().split('\n').length === 3);
  t.match(
    watching.stdout(),
    /^2\S+Z alice \{"content":"one"\}\n2\S+Z alice \{"content":"two"\}\n$/,
  );
  watching.signal('SIGINT');
  t.equal(await watching.ended(), 0);
});

t.test('when the log is lost while it is away, then the gap is a line', async (t) => {
  const port = `${await freePort()}`;
  const first = await runMain(t, { PORT: port, AUTH_ENABLED: 'false' });
  await first.port();
  const watching = await command(t, ['watch', 'general'], { PORT: port });
  await until('live', () => watching.stderr().includes('live at'));
  const sendOne = async (): Promise<void> => {
    const client = await doorsOf(t, Number(port)).connect('/ws/general');
    client.send({ type: 'chat', data: 1 });
    await client.received({ type: 'chat' });
  };
  await sendOne();
  await until('a line', () => watching.stdout() !== '');
  first.signal('SIGKILL');
  await first.ended();
  const second = await runMain(t, { PORT: port, AUTH_ENABLED: 'false' });
  await second.port();
  await until('a gap', () => /^-- gap \(log_lost\): /m.test(watching.stdout()));
  t.match(watching.stderr(), /not connected to ws:.* \(code 1006\): it is tried again/);
  watching.signal('SIGTERM');
  t.equal(await watching.ended(), 0);
});

t.test('when the server does not allow it, then it says why, and ends with 1', async (t) => {
  const pod = await startProcess(t, ACCESS);
  const env = { PORT: `${pod.doors.port}` };
  const without = await commandEnded(t, ['watch', 'general'], env);
  t.equal(without.code, 1);
  t.match(without.stderr, /^closed with 4001: .*; write a valid token with --token/);
  const token = tokenFor('bob', { join: ['team-*'] });
  const other = await commandEnded(t, ['watch', 'general', '--token', token], env);
  t.equal(other.code, 1);
  t.match(other.stderr, /^refused: .*general.*rooms\.join/m);
});

t.test('when watch is used wrongly, then it says what to write, and ends with 64', async (t) => {
  const rows: readonly (readonly [args: readonly string[], text: RegExp])[] = [
    [[], /^write one room: chat-api watch general/],
    [['a', 'b'], /^write one room/],
    [['a b'], /^"a b": the name of a room has /],
    [['a', '--url', 'http://h'], /^--url http:\/\/h: write an address such as wss:/],
  ];
  for (const [args, text] of rows) {
    const { code, stderr } = await inProcess(['watch', ...args]);
    t.equal(code, 64);
    t.match(stderr, text);
  }
});
