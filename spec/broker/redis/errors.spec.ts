/** What ioredis throws, as errors of the port. */
import { right } from 'fp-ts/lib/Either.js';
import { lastValueFrom } from 'rxjs';
import t from 'tap';
import {
  answer,
  errorOf,
  listOf,
  textOf,
  unexpectedReply,
} from '../../../lib/broker/redis/errors.js';

const replyError = (text: string): Error => Object.assign(new Error(text), { name: 'ReplyError' });

t.test(
  'when Redis refuses a command, then the first word of its error gives the tag',
  async (t) => {
    for (const [text, _tag] of [
      ['READONLY You cannot write', 'ReadOnly'],
      ['OOM command not allowed', 'OutOfMemory'],
      ['LOADING Redis is loading', 'Loading'],
      ['WRONGTYPE Operation', 'WrongType'],
      ['NOPERM this user', 'NoPermission'],
      ['BUSY a script', 'Busy'],
      ['CLUSTERDOWN Hash slot', 'Refused'],
      ['ERR unknown command', 'Other'],
      ["ERR The user executing the script can't run", 'NoPermission'],
    ] as const)
      t.same(errorOf(replyError(text)), { _tag, detail: text });
  },
);

t.test('when no answer of Redis came, then the call may have run', async (t) => {
  t.match(errorOf(new Error('ECONNRESET')), { _tag: 'Unreachable', detail: 'ECONNRESET' });
  t.match(errorOf('text'), { _tag: 'Unreachable', detail: 'text' });
  t.match(errorOf(new AggregateError([new Error('connect ECONNREFUSED ::1:1')], '')), {
    detail: 'connect ECONNREFUSED ::1:1',
  });
  t.equal(textOf(new AggregateError([], 'all failed')), 'all failed');
  t.match(errorOf(new Error('Too many. Last error: ReplyError: CLUSTERDOWN x')), {
    _tag: 'Refused',
  });
});

t.test(
  'when a command inside a script fails, then the error shows it, unless the script undid everything',
  async (t) => {
    const inside = `OOM x script: ${'a'.repeat(40)}, on @user_script:1.`;
    t.match(errorOf(replyError(inside)), { _tag: 'OutOfMemory', inside: true });
    const undone = errorOf(replyError(`UNDONE ${inside}`));
    t.match(undone, { _tag: 'OutOfMemory', detail: inside });
    t.notOk('inside' in undone);
  },
);

t.test('when a call is subscribed, then it is made, answers once and never errors', async (t) => {
  let calls = 0;
  const ask = (): Promise<unknown> => {
    calls += 1;
    return calls === 1 ? Promise.resolve(7) : Promise.reject(replyError('BUSY x'));
  };
  const call$ = answer(ask, (reply) => right(reply));
  t.equal(calls, 0);
  t.same(await lastValueFrom(call$), right(7));
  t.match(await lastValueFrom(call$), { left: { _tag: 'Busy' } });
  call$.subscribe(() => t.fail('the answer was dropped')).unsubscribe();
  t.equal(calls, 3, 'the command is not');
});

t.test('when a reply has another form, then the error names what was expected', async (t) => {
  t.match(unexpectedReply(null, 'a page'), { left: { detail: 'expected a page, got null' } });
  t.same(listOf('x'), []);
  t.same(listOf(['x']), ['x']);
});
