/** A JSON Schema as HTML: its kind in words, and the fields of an object as a table. */
import { type Html, html, prose } from './html.js';
import type { JsonSchema } from './json-schema.js';

/** The kind of a value in words: `text, 1 to 64 characters`. */
export const kindOf = (schema: JsonSchema): Html => {
  const limits = limitsOf(schema);
  return html`${nameOf(schema)}${limits === '' ? '' : `, ${limits}`}`;
};

const nameOf = ({ $ref, allOf, anyOf, const: only, enum: some, type, items }: JsonSchema): Html => {
  if ($ref !== undefined) return reference($ref);
  if (only !== undefined) return code(only);
  if (some !== undefined) return joined(some.map(code), ' or ');
  if (anyOf !== undefined) return joined(anyOf.map(kindOf), ' or ');
  if (allOf !== undefined) return joined(allOf.map(kindOf), ' and ');
  if (items !== undefined) return html`list of ${kindOf(items)}`;
  return html`${NAMES[String(type)] ?? 'any JSON value'}`;
};

const NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  integer: 'whole number',
  boolean: 'true or false',
  null: 'null',
  object: 'object',
};

const code = (value: unknown): Html => html`<code>${JSON.stringify(value)}</code>`;

const reference = ($ref: string): Html => {
  const name = $ref.slice($ref.lastIndexOf('/') + 1);
  return html`<a href="#value-${name}">${name}</a>`;
};

const joined = (parts: readonly Html[], between: string): Html =>
  html`${parts.map((part, at) => html`${at === 0 ? '' : between}${part}`)}`;

const limitsOf = (schema: JsonSchema): string =>
  [
    range(schema.minimum, schema.maximum, ''),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' items'),
    schema.default === undefined ? '' : `default ${JSON.stringify(schema.default)}`,
  ]
    .filter((text) => text !== '')
    .join(', ');

const range = (least: number | undefined, most: number | undefined, what: string): string => {
  if (least === undefined) return most === undefined ? '' : `at most ${most}${what}`;
  return most === undefined ? `at least ${least}${what}` : `${least} to ${most}${what}`;
};

interface Field {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** The fields of an object, those of inner objects too: `data.event`. */
const fieldsOf = (schema: JsonSchema, before = ''): readonly Field[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    {
      name: before + name,
      schema: field,
      isRequired: schema.required?.includes(name) ?? false,
    },
    ...fieldsOf(field, `${before}${name}.`),
    ...(field.anyOf ?? []).flatMap((one) => fieldsOf(one, `${before}${name}.`)),
  ]);

/** An object as a table of its fields; another value as its kind. Of a choice of objects, a table of each. */
export const schemaTable = (schema: JsonSchema, caption: string): Html => {
  if (schema.properties !== undefined) return fieldTable(fieldsOf(schema), caption);
  const choices = schema.anyOf ?? [];
  return choices.some(({ properties }) => properties !== undefined)
    ? html`${choices.map((one, at) => schemaTable(one, `${caption}, form ${at + 1}`))}`
    : html`<p>${kindOf(schema)}${patternOf(schema)}</p>`;
};

const fieldTable = (fields: readonly Field[], caption: string): Html =>
  table(
    caption,
    ['field', 'kind', 'meaning'],
    fields.map(({ name, schema, isRequired }) => [
      html`<code>${name}</code>${isRequired ? '' : ' (optional)'}`,
      kindOf(schema),
      prose(schema.description ?? ''),
    ]),
  );

const patternOf = ({ pattern }: JsonSchema): Html =>
  pattern === undefined ? html`` : html`, pattern <code>${pattern}</code>`;

/**
 * A table in a box. On a narrow screen a reader scrolls the box, and not the page. `tabindex`: with the
 * keyboard too.
 */
export const table = (
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly (Html | string)[])[],
): Html => html`
<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map(
  ([first, ...rest]) =>
    html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td>${cell}</td>`)}</tr>\n`,
)}</tbody></table></div>`;
