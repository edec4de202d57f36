/** Values of a program that JSON would change silently: refused, with the path. */
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { nonJsonIn } from '../../lib/protocol/plain-data.js';

class Point {
  constructor(readonly x: number) {}
}

t.test('when JSON represents all of a value, then nothing is wrong with it', async (t) => {
  for (const value of [null, undefined, 'a', 1, true, [1, [null]], { a: { b: [] } }])
    t.equal(nonJsonIn(value), undefined);
  t.equal(nonJsonIn(Object.assign(Object.create(null) as object, { a: 1 })), undefined);
  t.equal(nonJsonIn({ a: undefined }), undefined, 'a field that JSON leaves out');
  t.equal(nonJsonIn(runInNewContext('({ a: [1] })')), undefined, 'an object of another realm');
});

t.test('when JSON would drop a value, then the error text has its path', async (t) => {
  const drop = (): void => undefined;
  t.match(nonJsonIn(drop), /^: expected a JSON value, got a function; leave it out$/);
  t.match(nonJsonIn({ a: { b: drop } }), /^\.a\.b: expected a JSON value, got a function/);
  t.match(nonJsonIn([0, Symbol('s')]), /^\[1\]: expected a JSON value, got a symbol/);
});

t.test('when a list has a hole or undefined, then it is refused and not null', async (t) => {
  const holes: unknown[] = [1];
  holes[2] = 3;
  for (const list of [[1, undefined, 3], holes])
    t.match(nonJsonIn({ list }), /^\.list\[1\]: expected a JSON value, got nothing/);
});

t.test('when a value is an instance of a class, then the class is named', async (t) => {
  t.match(nonJsonIn({ m: new Map() }), /^\.m: .* got an instance of Map; convert it/);
  t.match(nonJsonIn([new Point(1)]), /^\[0\]: .* got an instance of Point; convert it/);
  t.match(
    nonJsonIn(
      new (class {
        readonly x = 1;
      })(),
    ),
    /got an instance of a class;/,
  );
});

t.test('when an instance has a toJSON, then its JSON form is checked', async (t) => {
  t.equal(nonJsonIn({ at: new Date(0) }), undefined);
  t.match(nonJsonIn({ at: { toJSON: () => new Map() } }), /^\.at: .* an instance of Map/);
  t.match(nonJsonIn({ at: { toJSON: () => [Number.NaN] } }), /^\.at: a number is NaN/);
  t.equal(nonJsonIn({ toJSON: (key: string) => (key === '' ? 1 : Symbol(key)) }), undefined);
});

t.test('when the name of a field is no identifier, then the path quotes it', async (t) => {
  const path = (key: string): string => nonJsonIn({ [key]: new Map() })?.split(':')[0] ?? '';
  t.equal(path('$a_1'), '.$a_1');
  t.equal(path('two words'), '["two words"]');
  t.equal(path('a"b'), '["a\\"b"]');
  t.equal(path('-'.repeat(100)), `["${'-'.repeat(64)}"]`, 'and cuts it');
});

t.test('when a value contains itself, then the search ends', async (t) => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  t.equal(nonJsonIn(loop), undefined, 'JSON.stringify reports it afterwards');
});
