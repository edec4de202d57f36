/** How many members a room has, asked over HTTP. */
import t from 'tap';
import { type AskJson, membersOf } from '../../demo/members.js';

const ROOM = { base: 'http://h/b', room: 'team:red', token: '' };

t.test('when the service answers, then its number counts', async (t) => {
  const asked: Parameters<AskJson>[] = [];
  const ask: AskJson = async (...args) => {
    asked.push(args);
    return { json: async () => ({ room: 'team:red', members: 3, position: null }) };
  };
  t.equal(await membersOf(ask, ROOM), 3);
  t.equal(await membersOf(ask, { ...ROOM, token: 'TOKEN' }), 3);
  t.same(asked, [
    ['http://h/b/rooms/team%3Ared', { headers: {} }],
    ['http://h/b/rooms/team%3Ared', { headers: { Authorization: 'Bearer TOKEN' } }],
  ]);
});

t.test('when there is no number, then there is none', async (t) => {
  for (const body of [{ status: 403, detail: 'no right' }, { members: '3' }, null, 5])
    t.equal(await membersOf(async () => ({ json: async () => body }), ROOM), undefined);
  const broken = [
    () => Promise.reject(new TypeError('failed')),
    async () => ({ json: () => Promise.reject(new SyntaxError('HTML')) }),
  ];
  for (const ask of broken) t.equal(await membersOf(ask, ROOM), undefined);
});
