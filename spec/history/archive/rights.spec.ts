import t from 'tap';
import { missingRights, type Rights, type Table } from '../../../lib/history/archive/rights.js';

const OWN = { isOwned: true, maySelect: true, mayInsert: true, mayDelete: true };
const NONE = { isOwned: false, maySelect: false, mayInsert: false, mayDelete: false };

const tables = (over: Readonly<Record<string, Partial<Table>>> = {}): readonly Table[] =>
  ['messages', 'messages_p20260115', 'migrations', 'outbox', 'outbox_commits', 'rejected'].map(
    (name) => ({
      name,
      ...OWN,
      ...over[name],
    }),
  );

const missing = (over: Partial<Rights> = {}): readonly string[] =>
  missingRights({
    role: 'chat',
    schema: 'chat_api',
    hasSchema: true,
    mayCreateSchema: false,
    mayUse: true,
    mayCreate: true,
    tables: tables(),
    ...over,
  });

t.test('when a role owns the tables, then nothing is missing', async (t) => {
  t.strictSame(missing(), []);
  t.strictSame(missing({ tables: [] }), [], 'before the first start');
  t.strictSame(missing({ hasSchema: false, mayCreateSchema: true, tables: [] }), []);
});

t.test('when there is no schema and none can be made, then it is to be made', async (t) => {
  t.strictSame(missing({ hasSchema: false, mayUse: false, mayCreate: false, tables: [] }), [
    'CREATE SCHEMA chat_api AUTHORIZATION "chat"',
  ]);
});

t.test('when rights are missing, then the statements give these and no others', async (t) => {
  t.strictSame(missing({ role: 'a "b"', mayUse: false, mayCreate: false }), [
    'GRANT USAGE, CREATE ON SCHEMA chat_api TO "a ""b"""',
  ]);
  t.strictSame(missing({ mayCreate: false }), ['GRANT CREATE ON SCHEMA chat_api TO "chat"']);
  t.strictSame(missing({ tables: tables({ messages: NONE, messages_p20260115: NONE }) }), [
    'ALTER TABLE chat_api.messages OWNER TO "chat"',
    'ALTER TABLE chat_api.messages_p20260115 OWNER TO "chat"',
  ]);
  t.strictSame(
    missing({
      tables: tables({ rejected: { ...NONE, mayInsert: true }, migrations: NONE }),
    }),
    [
      'GRANT SELECT, DELETE ON chat_api.rejected TO "chat"',
      'GRANT SELECT, INSERT ON chat_api.migrations TO "chat"',
    ],
  );
  t.strictSame(missing({ tables: tables({ outbox: NONE, outbox_commits: NONE }) }), [
    'GRANT SELECT, DELETE ON chat_api.outbox TO "chat"',
    'GRANT SELECT, DELETE ON chat_api.outbox_commits TO "chat"',
  ]);
  t.strictSame(missing({ tables: tables({ rejected: { isOwned: false } }) }), []);
});
