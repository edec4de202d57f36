/** The schemas of the documents as validators, in the dialect of each document. */
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type * as t from 'io-ts';
import { type JsonSchema, type Schemas, schemaWriter } from '../../lib/documents/json-schema.js';

type Validator = Pick<Ajv, 'addSchema' | 'compile'>;

const OPTIONS = {
  strict: true,
  strictTypes: false,
  strictRequired: false,
  allErrors: true,
} as const;

/** OpenAPI 3.1 has draft 2020-12, AsyncAPI 3 has draft-07. */
const validators = (): readonly Validator[] =>
  [new Ajv(OPTIONS), new Ajv2020(OPTIONS)].map((ajv) => {
    formats.default(ajv);
    return ajv;
  });

const HOME = 'https://components.example/';

/** A schema outside its document: references to components lead to schemas of their own. */
const alone = (schema: JsonSchema): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', HOME)) as object;

/** Whether both dialects accept a value; throws when they disagree. */
export type Judge = (value: unknown) => boolean;

export const judgeOf = (schema: JsonSchema, components: Schemas): Judge => {
  const judges: readonly ValidateFunction[] = validators().map((ajv) => {
    for (const [name, component] of Object.entries(components))
      ajv.addSchema({ ...alone(component), $id: `${HOME}${name}` });
    return ajv.compile(alone(schema));
  });
  return (value) => {
    const [one, other] = judges.map((judge) => judge(value));
    if (one !== other) throw new Error(`the dialects disagree on ${JSON.stringify(value)}`);
    return one === true;
  };
};

export const judgeOfCodec = (codec: t.Mixed): Judge => {
  const { schemaOf, components } = schemaWriter();
  const schema = schemaOf(codec);
  return judgeOf(schema, components());
};
