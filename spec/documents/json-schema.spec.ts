/** JSON Schema of codecs: the schema accepts what the codec accepts, in both dialects. */
import * as c from 'io-ts';
import t from 'tap';
import {
  closed,
  type CodecOf,
  component,
  described,
  judgedBy,
  maybe,
  schemaWriter,
} from '../../lib/documents/json-schema.js';
import { judgeOfCodec } from '../support/schemas.js';

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  1.5,
  'a',
  'b',
  '',
  [],
  ['a'],
  [1],
  {},
  { a: 'a' },
  { a: 1 },
  { a: 'a', b: 1 },
  { a: 'a', b: 'b' },
  { a: 'a', c: null },
];

const CODECS: Readonly<Record<string, c.Mixed>> = {
  text: c.string,
  number: c.number,
  boolean: c.boolean,
  null: c.null,
  unknown: c.unknown,
  literal: c.literal('a'),
  literalNumber: c.literal(0),
  keyof: c.keyof({ a: null, b: null }),
  list: c.array(c.string),
  readonlyList: c.readonlyArray(c.number),
  map: c.record(c.string, c.string),
  type: c.type({ a: c.string }),
  partial: c.partial({ a: c.string, b: c.number }),
  intersection: c.intersection([c.type({ a: c.string }), c.partial({ b: maybe(c.number) })]),
  sameField: c.intersection([c.type({ a: c.string }), c.type({ a: c.literal('a') })]),
  union: c.union([c.string, c.type({ a: c.number }), c.null]),
  component: component('A', c.type({ a: component('B', c.string) })),
  componentInText: described(component('A', c.string), { description: 'text' }),
};

t.test('when a codec accepts a value, then its schema does, and no other', async (t) => {
  for (const [name, codec] of Object.entries(CODECS)) {
    const judge = judgeOfCodec(codec);
    for (const value of VALUES)
      t.equal(judge(value), codec.is(value), `${name}: ${JSON.stringify(value)}`);
  }
});

t.test(
  'when an object is closed, then an unknown field is refused in each part of it',
  async (t) => {
    const judge = judgeOfCodec(
      closed(c.intersection([c.type({ a: c.string }), c.partial({ b: c.number })])),
    );
    t.same(
      [{ a: 'a' }, { a: 'a', b: 1 }, { a: 'a', c: null }].map((value) => judge(value)),
      [true, true, false],
    );
  },
);

t.test(
  'when a codec has keywords, then they are beside its own, and never beside a reference',
  async (t) => {
    const { schemaOf, components } = schemaWriter();
    t.same(schemaOf(described(c.string, { minLength: 1 })), { type: 'string', minLength: 1 });
    t.same(schemaOf(described(component('A', c.string), { description: 'text' })), {
      allOf: [{ $ref: '#/components/schemas/A' }],
      description: 'text',
    });
    t.same(schemaOf(c.union([c.string, c.undefined])), { type: 'string' });
    t.same(components(), { A: { type: 'string' } });
  },
);

t.test('when a component is in another one twice, then each is written once', async (t) => {
  const { schemaOf, components } = schemaWriter();
  const inner = component('Inner', c.string);
  schemaOf(component('Outer', c.type({ inner, again: inner })));
  t.same(Object.keys(components()), ['Inner', 'Outer']);
});

t.test('when a codec has no schema, then the program is told so', async (t) => {
  const { schemaOf } = schemaWriter();
  const own = new c.Type<string>('Own', c.string.is, c.string.validate, c.identity);
  t.throws(() => schemaOf(own), /Own: give this codec its keywords/);
  t.throws(() => schemaOf(c.undefined), /undefined is no JSON value/);
  t.same(schemaOf(judgedBy('Own', c.string.is, { type: 'string' })), { type: 'string' });
});

t.test(
  'when a codec and a type differ in an optional field, then it is no codec of the type',
  async (t) => {
    const codec = c.intersection([c.type({ a: c.string }), c.partial({ b: c.string })]);
    const same: CodecOf<{ readonly a: string; readonly b?: string }, typeof codec> = codec;
    // @ts-expect-error -- the type has no field `b`
    const oneMore: CodecOf<{ readonly a: string }, typeof codec> = codec;
    // @ts-expect-error -- the codec has no field `c`
    const lacking: CodecOf<
      { readonly a: string; readonly b?: string; readonly c?: string },
      typeof codec
    > = codec;
    t.strictSame([same, oneMore, lacking], [codec, codec, codec]);
  },
);
