/**
 * Writes JSON Schema of io-ts codecs, with the keywords that draft 2020-12 (OpenAPI 3.1) and draft-07
 * (AsyncAPI 3) have in common. A codec knows no limits and no texts: `described` adds them, and `component`
 * gives a codec a name, under which both documents refer to it.
 */
import * as t from 'io-ts';

export interface JsonSchema {
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
}

export type Schemas = Readonly<Record<string, JsonSchema>>;

/** A codec with keywords, and perhaps with the name of a component. It decodes as the codec inside. */
class Described<A> extends t.Type<A> {
  readonly _tag = 'Described';
  constructor(
    readonly inner: t.Type<A>,
    readonly keywords: JsonSchema,
    readonly component: string | undefined,
  ) {
    super(component ?? inner.name, inner.is, inner.validate, inner.encode);
  }
}

export const described = <A>(inner: t.Type<A>, keywords: JsonSchema): t.Type<A> =>
  new Described(inner, keywords, undefined);

export const component = <A>(
  name: string,
  inner: t.Type<A>,
  keywords: JsonSchema = {},
): t.Type<A> => new Described(inner, keywords, name);

/** A codec of values that no combinator describes: `keywords` are its whole schema. */
export const judgedBy = <A>(
  name: string,
  is: (value: unknown) => value is A,
  keywords: JsonSchema,
): t.Type<A> =>
  described(
    new t.Type<A>(
      name,
      is,
      (value, context) => (is(value) ? t.success(value) : t.failure(value, context)),
      t.identity,
    ),
    keywords,
  );

/** A type with the same fields, none of them optional. */
type AllRequired<T> = T extends object ? { [K in keyof T]-?: AllRequired<T[K]> } : T;

/**
 * The codec `C` as a codec of `A`: `never` unless both have the same fields. `t.Type<A>` alone accepts a
 * codec without an optional field of `A`, or with one that `A` lacks.
 */
export type CodecOf<A, C extends t.Mixed> =
  t.Type<AllRequired<t.TypeOf<C>>> extends t.Type<AllRequired<A>> ? t.Type<A> : never;

/** A field that may be absent. `undefined` is a value for TypeScript only: JSON has none. */
export const maybe = <A>(codec: t.Type<A>): t.Type<A | undefined> => t.union([codec, t.undefined]);

/** An object without further fields: an unknown one is an error. Other objects may have any. */
export const closed = <A>(codec: t.Type<A>): t.Type<A> =>
  described(codec, { additionalProperties: false });

type Known =
  | Described<unknown>
  | t.StringType
  | t.NumberType
  | t.BooleanType
  | t.NullType
  | t.UndefinedType
  | t.UnknownType
  | t.LiteralType<string | number | boolean>
  | t.KeyofType<Readonly<Record<string, unknown>>>
  | t.ArrayType<t.Mixed>
  | t.ReadonlyArrayType<t.Mixed>
  | t.AnyDictionaryType
  | t.DictionaryType<t.Mixed, t.Mixed>
  | t.InterfaceType<t.Props>
  | t.PartialType<t.Props>
  | t.IntersectionType<t.Mixed[]>
  | t.UnionType<t.Mixed[]>;

const isKnown = (codec: t.Mixed): codec is t.Mixed & Known => '_tag' in codec;

export interface SchemaWriter {
  /** The schema of a codec. Components in it are references. */
  readonly schemaOf: (codec: t.Mixed) => JsonSchema;
  /** All components that were referred to so far, by name, in the order of the alphabet. */
  readonly components: () => Schemas;
}

/** Throws for a codec of a kind that it does not know: a mistake in the program. */
export const schemaWriter = (): SchemaWriter => {
  const found = new Map<string, JsonSchema>();

  const fieldsOf = (props: t.Props): Schemas =>
    Object.fromEntries(Object.entries(props).map(([name, codec]) => [name, schemaOf(codec)]));

  const describedSchema = ({ inner, keywords, component }: Described<unknown>): JsonSchema => {
    if (component === undefined)
      return withKeywords(isKnown(inner) ? schemaOf(inner) : {}, keywords);
    if (!found.has(component)) {
      // before its schema is made: a component may contain itself
      found.set(component, {});
      found.set(component, withKeywords(isKnown(inner) ? schemaOf(inner) : {}, keywords));
    }
    return { $ref: `${COMPONENTS}${component}` };
  };

  const schemaOf = (codec: t.Mixed): JsonSchema => {
    if (!isKnown(codec)) throw new TypeError(`${codec.name}: give this codec its keywords`);
    switch (codec._tag) {
      case 'Described':
        return describedSchema(codec);
      case 'StringType':
        return { type: 'string' };
      case 'NumberType':
        return { type: 'number' };
      case 'BooleanType':
        return { type: 'boolean' };
      case 'NullType':
        return { type: 'null' };
      case 'UnknownType':
        return {};
      case 'UndefinedType':
        throw new TypeError(
          'undefined is no JSON value; use it in a union, for a field that may be absent',
        );
      case 'LiteralType':
        return { type: typeof codec.value, const: codec.value };
      case 'KeyofType':
        return { type: 'string', enum: Object.keys(codec.keys) };
      case 'AnyDictionaryType':
        return { type: 'object' };
      case 'ArrayType':
      case 'ReadonlyArrayType':
        return { type: 'array', items: schemaOf(codec.type) };
      case 'DictionaryType':
        return { type: 'object', additionalProperties: schemaOf(codec.codomain) };
      case 'InterfaceType':
        return {
          type: 'object',
          properties: fieldsOf(codec.props),
          required: Object.keys(codec.props),
        };
      case 'PartialType':
        return { type: 'object', properties: fieldsOf(codec.props) };
      case 'IntersectionType':
        return merged(codec.types.map(schemaOf));
      case 'UnionType':
        return unionOf(codec.types.filter((type) => !isUndefined(type)).map(schemaOf));
    }
  };

  return {
    schemaOf,
    components: () =>
      Object.fromEntries([...found].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
};

const COMPONENTS = '#/components/schemas/';

const isUndefined = (codec: t.Mixed): boolean => isKnown(codec) && codec._tag === 'UndefinedType';

/** Draft-07 ignores what is beside a `$ref`. */
const withKeywords = (schema: JsonSchema, keywords: JsonSchema): JsonSchema =>
  schema.$ref === undefined || Object.keys(keywords).length === 0
    ? { ...schema, ...keywords }
    : { allOf: [schema], ...keywords };

const unionOf = (schemas: readonly JsonSchema[]): JsonSchema => {
  const [only] = schemas;
  return schemas.length === 1 && only !== undefined ? only : { anyOf: schemas };
};

/**
 * An intersection of objects is one object: with `allOf`, each of them would refuse the fields of the others
 * where further fields are an error.
 */
const merged = (schemas: readonly JsonSchema[]): JsonSchema =>
  schemas.every(({ type, $ref }) => type === 'object' && $ref === undefined)
    ? schemas.reduce(
        (all, one) => ({
          ...all,
          ...one,
          properties: bothFields(all.properties ?? {}, one.properties ?? {}),
          required: [...new Set([...(all.required ?? []), ...(one.required ?? [])])],
        }),
        { required: [] },
      )
    : { allOf: schemas };

/** A field of both has to be valid by both. */
const bothFields = (one: Schemas, other: Schemas): Schemas => ({
  ...one,
  ...Object.fromEntries(
    Object.entries(other).map(([name, schema]) => {
      const before = one[name];
      return [name, before === undefined ? schema : { allOf: [before, schema] }];
    }),
  ),
});
