import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { POSITION_FIELDS, positions } from '../../../lib/broker/redis/positions.js';
import { formatId } from '../../../lib/protocol/position.js';
import { virtualClock } from '../../support/virtual-clock.js';

const ID = formatId({ tag: 5, offset: 3, ms: 9, global: false, outside: false, nonce: 1 });
const REPLY = ['5', '3', '9', ID];

/** Asks in one turn where these rooms' logs stand. Answers come in the order of the rooms. */
const asked = async (rooms: readonly string[], sharded: boolean, refused?: string) => {
  const clock = virtualClock();
  const calls: string[] = [];
  const replyOf = (key: string): unknown =>
    key === 'none' ? POSITION_FIELDS.map(() => null) : REPLY;
  const position = positions({
    clock,
    sharded,
    keyOf: (room) => room,
    ask: async (keys) => {
      calls.push(`script ${keys.length}`);
      return keys.map(replyOf);
    },
    askOne: async (key) => {
      calls.push(`fields of ${key}`);
      if (key === refused)
        throw Object.assign(new Error('WRONGTYPE Operation against a key'), { name: 'ReplyError' });
      return replyOf(key);
    },
  });
  const answers: unknown[] = [];
  rooms.forEach((room, i) => {
    position(room).subscribe((answer) => {
      answers[i] = isRight(answer) ? answer.right?.offset : answer.left._tag;
    });
  });
  t.same(calls, [], 'nothing is asked before the turn has ended');
  clock.advance(0);
  await new Promise(setImmediate);
  return { calls, answers };
};

t.test('when one room asks in a turn, then its fields are read without a script', async (t) => {
  t.strictSame(await asked(['a'], false), { calls: ['fields of a'], answers: [3] });
  t.strictSame(await asked(['none'], false), { calls: ['fields of none'], answers: [undefined] });
});

t.test('when several rooms ask in a turn, then one script answers up to 256', async (t) => {
  t.strictSame(await asked(['a', 'none', 'b'], false), {
    calls: ['script 3'],
    answers: [3, undefined, 3],
  });
  const many = Array.from({ length: 300 }, (_, i) => `r${i}`);
  t.same((await asked(many, false)).calls, ['script 256', 'script 44']);
});

t.test('when Redis is a Cluster, then each room is asked about without a script', async (t) => {
  t.strictSame(await asked(['a', 'b'], true, 'b'), {
    calls: ['fields of a', 'fields of b'],
    answers: [3, 'WrongType'],
  });
});
