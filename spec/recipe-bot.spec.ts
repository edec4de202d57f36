/** The recipe of a bot, `examples/client/bot.ts`, against a server that is killed and started again. */
import t from 'tap';
import { BASE, run, startProcess } from './support/pod.js';
import { until } from './support/redis.js';

t.setTimeout(120_000);

t.test('when the server restarts, then the bot answers again, each command once', async (t) => {
  const first = await startProcess(t, { AUTH_ENABLED: 'false' });
  const { port } = first.doors;
  const bot = run(
    t,
    [
      ...['--import', 'tsx', 'examples/client/bot.ts'],
      ...[`ws://127.0.0.1:${port}${BASE}/ws`, 'general'],
    ],
    {},
    /Live/,
  );
  const times = (text: string): number => bot.stdout().split(text).length - 1;
  await until('the bot is live', () => times('Live') === 1, 60_000);

  const alice = await first.doors.connect('/ws/general');
  const command = { type: 'chat', data: '!ping' };
  await until('both are members', async () => {
    alice.send({ type: 'join', room: 'general' });
    await alice.caughtUp();
    return alice.all({ data: { event: 'joined', members: 2 } }).length > 0;
  });
  alice.send(command);
  const asked = await alice.received(command);
  t.strictSame((await alice.received({ data: { text: 'pong' } })).data, {
    re: asked.id,
    text: 'pong',
  });
  first.signal('SIGKILL');
  await first.ended();

  const second = await startProcess(t, { AUTH_ENABLED: 'false', PORT: `${port}` });
  await until('the bot is live again', () => times('Live') === 2, 60_000);
  const bob = await second.doors.connect('/ws/general');
  bob.send({ type: 'chat', data: 'no command' });
  bob.send({ type: 'chat', data: '!members' });
  const { id } = await bob.received({ type: 'chat', data: '!members' });
  t.match(await bob.received({ data: { re: id } }), { data: { text: Number } });
  bob.send(command);
  await bob.received({ data: { text: 'pong' } });
  await bob.caughtUp();
  t.equal(bob.all({ data: { re: /./ } }).length, 2, 'one answer each');

  bot.signal('SIGTERM');
  t.equal(await bot.ended(), 0);
  t.equal(bot.stderr(), '');
  t.match(bot.stdout(), /Closed\n$/);
});
