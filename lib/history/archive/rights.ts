/**
 * The rights in PostgreSQL that a pod needs. It makes partitions, and drops old ones, so it must own the
 * table of the messages and its partitions.
 */

/** A table of the archive, or a partition, and what the role may do there. */
export interface Table {
  readonly name: string;
  /** The role is the owner, or a member of the owner. */
  readonly isOwned: boolean;
  readonly maySelect: boolean;
  readonly mayInsert: boolean;
  readonly mayDelete: boolean;
}

export interface Rights {
  readonly role: string;
  readonly schema: string;
  readonly hasSchema: boolean;
  /** CREATE on the database. */
  readonly mayCreateSchema: boolean;
  /** USAGE and CREATE on the schema. */
  readonly mayUse: boolean;
  readonly mayCreate: boolean;
  readonly tables: readonly Table[];
}

type Right = 'SELECT' | 'INSERT' | 'DELETE';

/** The owner of `messages` has all rights to it. */
const NEEDED: readonly (readonly [name: string, rights: readonly Right[]])[] = [
  ['rejected', ['SELECT', 'INSERT', 'DELETE']],
  ['migrations', ['SELECT', 'INSERT']],
  ['outbox', ['SELECT', 'DELETE']],
  ['outbox_commits', ['SELECT', 'DELETE']],
];

/** The statements that an operator has to run; none when nothing is missing. */
export const missingRights = (rights: Rights): readonly string[] => {
  const { schema, hasSchema, mayCreateSchema, mayUse, mayCreate, tables } = rights;
  const role = quoted(rights.role);
  if (!hasSchema) return mayCreateSchema ? [] : [`CREATE SCHEMA ${schema} AUTHORIZATION ${role}`];
  const ofSchema = [...(mayUse ? [] : ['USAGE']), ...(mayCreate ? [] : ['CREATE'])];
  const granted = NEEDED.flatMap(([name, needed]) => {
    const table = tables.find((one) => one.name === name);
    const lacking = needed.filter((right) => table !== undefined && !has(table, right));
    return lacking.length === 0
      ? []
      : [`GRANT ${lacking.join(', ')} ON ${schema}.${name} TO ${role}`];
  });
  const foreign = tables.filter(({ name, isOwned }) => name.startsWith('messages') && !isOwned);
  return [
    ...(ofSchema.length === 0
      ? []
      : [`GRANT ${ofSchema.join(', ')} ON SCHEMA ${schema} TO ${role}`]),
    ...foreign.map(({ name }) => `ALTER TABLE ${schema}.${name} OWNER TO ${role}`),
    ...granted,
  ];
};

const has = ({ maySelect, mayInsert, mayDelete }: Table, right: Right): boolean =>
  ({ SELECT: maySelect, INSERT: mayInsert, DELETE: mayDelete })[right];

/** As SQL writes a name. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
