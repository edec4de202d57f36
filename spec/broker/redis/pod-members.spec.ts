/** Members on other pods: which counts are valid, and when the leases of pods are read. */
import { isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { scripts } from '../../../lib/broker/redis/lua/scripts.js';
import { podMembers } from '../../../lib/broker/redis/pod-members.js';
import type { RedisReply } from '../../../lib/broker/redis/port.js';
import { virtualClock } from '../../support/virtual-clock.js';

const SCRIPTS = scripts(false);

const world = () => {
  const clock = virtualClock();
  const self = {
    /** The counts in Redis, the pods with a lease, and those whose lease has ended. */
    counts: {} as Readonly<Record<string, string>>,
    living: [] as readonly string[],
    ended: [] as readonly string[],
    /** What the leases answer in place of the two lists. */
    reply: undefined as unknown,
    calls: [] as string[],
    self: '',
  };
  const pods = podMembers({
    serverId: 'pod',
    clock,
    scripts: SCRIPTS,
    podsKey: 'pods',
    keyOf: (room) => `members of ${room}`,
    run: async (script, [key = ''], args) => {
      const name = (['members', 'lease', 'leave'] as const).find((one) => SCRIPTS[one] === script);
      self.self = String(args[0]);
      const also = name === 'members' ? [`own ${args[1] ?? ''}`, ...args.slice(4)] : [];
      self.calls.push([name, key, ...also].join(' ').trim());
      if (name === 'lease') return self.reply ?? [[self.self, ...self.living], self.ended];
      return Object.entries({ ...self.counts, [self.self]: '100' }).flat();
    },
  });
  const answerOf = async <A>(reply$: RedisReply<A>): Promise<A | string> => {
    let answer: A | string = 'none';
    reply$.subscribe((either) => {
      answer = isRight(either) ? either.right : either.left.detail;
    });
    await new Promise(setImmediate);
    return answer;
  };
  /** The answer for room `r`, and what was asked of Redis for it. */
  const members = async (own?: number): Promise<readonly unknown[]> => {
    self.calls = [];
    const answer = await answerOf(pods.members('r', own));
    return [answer, ...self.calls];
  };
  return Object.assign(self, { clock, pods, answerOf, members });
};

t.test('when the pod has no lease yet, then it takes one before it writes a count', async (t) => {
  const w = world();
  t.same(await w.members(3), [0, 'lease pods', 'members members of r own 3']);
  t.same(await w.members(), [0, 'members members of r own'], 'it only reads');
});

t.test('when other pods live, then the answer is the sum of their counts', async (t) => {
  const w = world();
  w.counts = { a: '2', b: '3', c: '-1' };
  w.living = ['a', 'b', 'c'];
  t.equal((await w.members(1))[0], 5, 'without the own count, and no count below 0');
});

t.test('when the lease of a pod has ended, then its count is kept and not counted', async (t) => {
  const w = world();
  w.counts = { a: '2', b: '3' };
  w.living = ['a'];
  w.ended = ['b'];
  t.same(await w.members(1), [2, 'lease pods', 'members members of r own 1']);
  w.clock.advance(1_000);
  t.same(await w.members(1), [2, 'members members of r own 1'], 'the list is a second old');
  w.living = ['a', 'b'];
  w.clock.advance(1);
  t.same(await w.members(1), [5, 'members members of r own 1', 'lease pods'], 'it has returned');
});

t.test('when a count is of an unknown pod, then the leases are read', async (t) => {
  const w = world();
  await w.members(1);
  w.counts = { new: '4' };
  w.living = ['new'];
  t.same(await w.members(1), [4, 'members members of r own 1', 'lease pods']);
});

t.test('when a pod is gone for good, then its count is removed', async (t) => {
  const w = world();
  w.counts = { a: '2', gone: '9' };
  w.living = ['a'];
  t.same(await w.members(1), [
    2,
    'lease pods',
    'members members of r own 1',
    'lease pods',
    'members members of r own 1 gone',
  ]);
});

t.test('when the connection was lost, then the leases are read again', async (t) => {
  const w = world();
  await w.members(1);
  w.pods.forget();
  t.same(await w.members(1), [0, 'lease pods', 'members members of r own 1']);
});

t.test('when two pods have one SERVER_ID, then they have two names', async (t) => {
  const [one, other] = [world(), world()];
  t.same(await one.answerOf(one.pods.lease()), [one.self]);
  const again = podMembers({
    serverId: 'pod',
    clock: { ...other.clock, random: () => 0.5 },
    scripts: SCRIPTS,
    podsKey: 'pods',
    keyOf: (room) => room,
    run: async (_script, _keys, [name]) => [[name], []],
  });
  t.match(one.self, /^pod#/);
  t.notSame(await other.answerOf(again.lease()), [one.self]);
});

t.test('when Redis answers something else, then the error says so', async (t) => {
  const w = world();
  w.reply = ['a', 'b'];
  t.equal(await w.answerOf(w.pods.lease()), 'expected two lists of pods, got object');
  t.same(await w.members(1), ['expected two lists of pods, got object', 'lease pods']);
});
