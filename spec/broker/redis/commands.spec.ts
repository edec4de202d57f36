/** The scripts as functions: which script runs, with which keys, and what a refusal of writes changes. */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { type CommandOptions, redisCommands } from '../../../lib/broker/redis/commands.js';
import { type Scripts, scripts } from '../../../lib/broker/redis/lua/scripts.js';
import type { RedisReply } from '../../../lib/broker/redis/port.js';
import { NO_LOG } from '../../../lib/history/page.js';
import { keyIn } from '../../support/keys.js';
import { draft, right } from '../../support/messages.js';
import { virtualClock } from '../../support/virtual-clock.js';

const SCRIPTS = scripts(false);
const KEY = 'p:{p:realtime:room:r}';
/** A position, then a page without entries. */
const PAGE = [1, 3, 30, 'id', 4, -1, -1, -1];

interface Asked {
  readonly script: keyof Scripts | undefined;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

type Replies = Partial<Record<keyof Scripts, unknown>>;

const refusal = (message: string): Error =>
  Object.assign(new Error(message), { name: 'ReplyError' });
const OOM = refusal('OOM command not allowed when used memory > maxmemory');

/** An `Error` among the replies is thrown. */
const world = (replies: Replies = {}, over: Partial<CommandOptions> = {}) => {
  const asked: Asked[] = [];
  const options: CommandOptions = {
    prefix: 'p:',
    serverId: 'pod',
    positionTtlMs: 86_400_000,
    logMessages: 1_000,
    logTtlMs: 600_000,
    timeoutMs: 2_000,
    clock: virtualClock(),
    ...over,
  };
  const commands = redisCommands(
    options,
    false,
    async (script, keys, args) => {
      const names = Object.keys(SCRIPTS) as (keyof Scripts)[];
      const name = names.find((one) => SCRIPTS[one].sha === script.sha);
      asked.push({ script: name, keys, args });
      const reply = name === undefined ? undefined : replies[name];
      if (reply instanceof Error) throw reply;
      return reply;
    },
    async () => null,
  );
  const answerOf = async (reply$: RedisReply<unknown>): Promise<unknown> => {
    let answer: unknown;
    reply$.subscribe((either) => {
      answer = isRight(either) ? either.right : either.left._tag;
    });
    await new Promise(setImmediate);
    return answer;
  };
  return { asked, commands, answerOf, ran: () => asked.map(({ script }) => script) };
};

const [CHAT, CALL] = [right(draft()), { id: 'c1' }];

t.test('when messages are published, then their keys follow those of the log', async (t) => {
  const { asked, commands, answerOf } = world({ publish: ['p1', 'd2'] });
  const keyed = right(draft({ key: keyIn('alice:1') }));
  const answer = await answerOf(commands.publish('r', [CHAT, keyed], [7, 8], 5, 9_000));
  t.same(answer, [
    { _tag: 'Placed', id: '1' },
    { _tag: 'Duplicate', id: '2' },
  ]);
  const [call] = asked;
  t.same(call?.keys, [`${KEY}:pos`, `${KEY}:log`, `${KEY}:key:alice:1`]);
  t.same(call?.args.slice(0, 3), ['p:realtime:room:r', 9_000, 5]);
  t.same(call?.args.slice(-6), [7, '', CHAT.rest, 8, `=${keyed.digest}`, keyed.rest]);
});

t.test('when the log reaches far enough back, then a call leaves no mark', async (t) => {
  const isMarked = async (over: Partial<CommandOptions>, type: 'chat' | 'presence' = 'chat') => {
    const { asked, commands, answerOf } = world({ publish: ['p1'] }, over);
    const one = right(draft({ type, data: { status: 'online' } }));
    await answerOf(commands.publish('r', [one], [7], 5, 9_000, CALL));
    return asked[0]?.keys.includes(`${KEY}:call:c1`);
  };
  t.equal(await isMarked({}), false);
  t.equal(await isMarked({ logMessages: 999 }), true);
  t.equal(await isMarked({ logTtlMs: 7_999 }), true, 'four timeouts');
  t.equal(await isMarked({}, 'presence'), true, 'no log has it');
});

t.test('when a call is sent again, then the other script looks for its first try', async (t) => {
  const { asked, commands, answerOf, ran } = world({ publishAgain: -1 });
  const again = { ...CALL, again: { sinceMs: 4_000, tag: 1, offset: 9 } };
  t.equal(await answerOf(commands.publish('r', [CHAT], [7], 5, 9_000, again)), 'Untold');
  t.same(ran(), ['publishAgain']);
  t.same(asked[0]?.args.slice(9, 12), [4_000, 1, 9]);
});

t.test('when Redis takes no writes, then a page is read by a script without writes', async (t) => {
  for (const error of [OOM, refusal('MISCONF Redis is configured to save RDB snapshots')]) {
    const w = world({ page: error, peek: error, peekAnywhere: PAGE });
    t.match(await w.answerOf(w.commands.page('r', 1, 10, 5)), { top: { tag: 1, offset: 3 } });
    t.match(await w.answerOf(w.commands.peek('r', 1, 10)), { first: 4 });
    t.same(w.ran(), ['page', 'peekAnywhere', 'peek', 'peekAnywhere']);
  }
});

t.test(
  'when Redis takes no writes and a read would need a new epoch, then the read fails with the refusal',
  async (t) => {
    const w = world({ page: OOM, peek: OOM, peekAnywhere: 0 });
    t.equal(await w.answerOf(w.commands.page('r', 1, 10, 5)), 'OutOfMemory');
    t.equal(await w.answerOf(w.commands.peek('r', 1, 10)), NO_LOG, 'a read that makes none');
  },
);

t.test('when a replica or a wrong type refuses a read, then nothing else is tried', async (t) => {
  for (const [message, tag] of [
    ["READONLY You can't write against a read only replica.", 'ReadOnly'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'WrongType'],
  ] as const) {
    const w = world({ page: refusal(message), peekAnywhere: PAGE });
    t.equal(await w.answerOf(w.commands.page('r', 1, 10, 5)), tag);
    t.same(w.ran(), ['page']);
  }
});

t.test('when only the position is read, then the page has no entries', async (t) => {
  const { asked, commands, answerOf } = world({ page: PAGE });
  t.same(await answerOf(commands.top('r', 5)), { tag: 1, offset: 3, ms: 30, id: 'id' });
  t.same(asked[0]?.args.slice(3, 5), [0, 0]);
});

t.test('when a probe is sent, then its answer is the time of Redis', async (t) => {
  const { asked, commands, answerOf } = world({ probe: 1_234 });
  t.equal(await answerOf(commands.probe('text')), 1_234);
  t.match(asked[0]?.args, ['p:realtime:pod:pod', 'text', 10_000]);
  const other = world({ probe: 'OK' });
  t.equal(await other.answerOf(other.commands.probe('text')), 'Other');
});

t.test('when a command to all pods is kept, then its name and time are sent', async (t) => {
  const { asked, commands, answerOf } = world({ control: 1 });
  await answerOf(commands.control('text'));
  await answerOf(commands.control('text', { name: 'a', ms: 60_000, isOver: true }));
  const [published, kept] = asked.map(({ args }) => args.slice(1));
  t.same(published, ['text', '', '', 0]);
  t.same(kept, ['text', 60_000, 'a', 1]);
});
