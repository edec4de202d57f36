/** What the claims of a token allow. */
import * as fc from 'fast-check';
import * as E from 'fp-ts/lib/Either.js';
import t from 'tap';
import { mayJoin, mayPublish } from '../../lib/auth/index.js';
import { GLOBAL } from '../../lib/protocol/position.js';
import { bySecret, judge, rightsOf } from '../support/judging.js';
import { signed, tokenOf } from '../support/tokens.js';

t.test('when a token has the claim `rooms`, then it allows the rooms that it names', async (t) => {
  const rows: readonly (readonly [
    rooms: object | undefined,
    room: string,
    join: boolean,
    publish: boolean,
  ])[] = [
    [undefined, 'a', true, true],
    [{}, 'a', false, false],
    [{ join: [] }, 'a', false, false],
    [{ join: true }, 'a', true, true],
    [{ join: ['*'] }, 'a', true, true],
    [{ join: ['a'] }, 'a', true, true],
    [{ join: ['a'] }, 'ab', false, false],
    [{ join: ['a*'] }, 'a', true, true],
    [{ join: ['a*'] }, 'ab', true, true],
    [{ join: ['a*'] }, 'ba', false, false],
    [{ join: ['stats*'] }, 'stats-1', true, true],
    [{ join: ['team-*'] }, 'team', false, false],
    [{ join: ['TEAM-*'] }, 'team-1', false, false],
    [{ join: ['x', 'a'] }, 'a', true, true],
    [{ join: ['a.*'] }, 'axb', false, false],
    [{ join: ['a'], publish: [] }, 'a', true, false],
    [{ join: ['a*'], publish: ['ab'] }, 'ab', true, true],
    [{ join: ['a*'], publish: ['ab'] }, 'ac', true, false],
    [{ join: true, publish: ['b'] }, 'a', true, false],
    [{ publish: true }, 'a', false, true],
    [{ joins: true }, 'a', false, false],
    // what no room is called allows none, and takes nothing from the others
    ...['stats', '', 'a ', '-', '-*', 'caf\u00e9', 'x'.repeat(129), `${'x'.repeat(129)}*`].map(
      (nowhere) => [{ join: [nowhere, 'a'] }, 'a', true, true] as const,
    ),
    [{ join: ['stats', '', '-*'] }, 'a', false, false],
    [{ join: [`${'x'.repeat(128)}*`] }, 'x'.repeat(128), true, true],
  ];
  for (const [rooms, room, join, publish] of rows) {
    const rights = await rightsOf({ rooms });
    const what = `${JSON.stringify(rooms)} ${room}`;
    t.equal(mayJoin(rights, room), join, `${what}: join`);
    t.equal(mayPublish(rights, room), publish, `${what}: publish`);
    t.equal(mayJoin(rights, GLOBAL), true, 'everybody hears the global log');
  }
  t.equal((await rightsOf({})).global, true);
  t.equal((await rightsOf({ rooms: { join: true } })).global, false, 'said of rooms, not of it');
  t.equal((await rightsOf({ rooms: { global: false } })).global, false);
  t.equal(mayPublish(await rightsOf({ rooms: { global: true } }), GLOBAL), true);
  for (const [scope, admin] of [
    ['admin', true],
    ['chat admin', true],
    ['administrator', false],
    ['chat:admin', false],
    ['Admin', false],
    ['', false],
    [undefined, false],
  ] as const)
    t.equal((await rightsOf({ scope })).admin, admin, scope ?? 'none');
});

t.test(
  'when a pattern ends with a star, then it matches names with that prefix; else the same name only',
  async () => {
    const letters = fc.constantFrom('a', 'A', 'b', 'B', '0', '9', '_', '.', ':', '@', '-');
    const name = fc
      .tuple(fc.constantFrom('a', 'A', '0'), fc.array(letters, { maxLength: 6 }))
      .map(([first, rest]) => first + rest.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(name, { maxLength: 4 }),
        fc.array(name, { maxLength: 4 }),
        name,
        async (names, prefixes, room) => {
          const join = [...names, ...prefixes.map((prefix) => `${prefix}*`)];
          const rights = await rightsOf({ rooms: { join } });
          const expected =
            names.includes(room) || prefixes.some((prefix) => room.startsWith(prefix));
          return mayJoin(rights, room) === expected && mayPublish(rights, room) === expected;
        },
      ),
      { numRuns: 300 },
    );
  },
);

t.test('when claims are malformed, then nothing throws and they give no rights', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 3 }), fc.jsonValue(), async (claims, rooms) => {
      t.ok(E.isLeft(await judge(bySecret, { token: signed(claims) })));
      const judged = await judge(bySecret, { token: tokenOf({ rooms }) });
      if (E.isLeft(judged)) return true;
      // what is taken is an object, and allows what it names at most
      const { join, publish, global, admin } = judged.right.rights;
      return [join, publish].every((list) => list.length === 0) && !global && !admin;
    }),
    { numRuns: 200 },
  );
});
