/**
 * `chat_publish`: an application publishes inside its own transaction. What it calls with is a row of
 * `outbox`; the commit gives the row its number (`outbox_commits`), and a pod reads the rows in the order of
 * the numbers (`sql-outbox.ts`).
 *
 * The number is given by a deferred trigger, at the commit, under a lock of the room. So a room's numbers are
 * in the order of its commits, and no room is locked while the application's transaction goes on: a lock that
 * is taken in the middle of it could be part of a deadlock with the application's own locks. The locks of one
 * transaction are taken in one order. Neither the function nor the trigger reads a table, so transactions
 * that are SERIALIZABLE do not fail because of each other's messages.
 *
 * NOTIFY makes the commits of all transactions that notify wait for each other: measured with 16 connections
 * and fsync, 150 commits/s in place of 1,370. So the trigger notifies only while the reader sleeps. Then the
 * reader has the lock `SLEEP`; a commit that finds it free has it shared until its end, so the reader cannot
 * fall asleep before it sees the row.
 */

/** The locks of one schema, beside each other: two numbers each. */
export const SLEEP = -2;
export const OWNER = -1;
/** The locks of rooms are 0 to 255: a transaction to thousands of rooms does not fill the lock table. */
const STRIPES = 256;

/** The first number of each lock, as SQL. */
export const lockClass = (schema: string): string => `hashtext('chat-api ${schema}')`;

/** Where a commit calls while the reader sleeps. */
export const channelOf = (schema: string): string => `${schema}_outbox`;

/** The bytes of a message beside its room, its sender and its data. */
const FRAME_BYTES = 150;
const MAX_BYTES = 131_072;
const MAX_SENDER = 255;

const QUEUE = 'WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)';
/** An object of the same name in a schema of the caller is never called. */
const DEFINER = 'SECURITY DEFINER SET search_path = pg_catalog, pg_temp';
const OPTIONAL = `type text DEFAULT 'notification', sender text DEFAULT 'server'`;

const PUBLISH = (schema: string): string => `
  CREATE FUNCTION "${schema}".chat_publish(room text, data json, ${OPTIONAL}) RETURNS void
  LANGUAGE plpgsql VOLATILE ${DEFINER} AS $$
  DECLARE
    called text := current_setting('${schema}.rooms', true);
    stripe text := (hashtext(coalesce(room, '')) & ${STRIPES - 1})::text;
    size integer;
  BEGIN
    IF room <> '' AND (room !~ '^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$' OR room = 'stats') THEN
      RAISE invalid_parameter_value USING MESSAGE = 'chat_publish: room: a name has 1 to 128 characters of '
        'A-Z a-z 0-9 _ . : @ -, the first a letter or digit, and is not "stats"; NULL is everybody';
    ELSIF data IS NULL THEN
      RAISE invalid_parameter_value USING MESSAGE = 'chat_publish: data: expected JSON, got NULL';
    ELSIF type IS NULL OR type NOT IN ('chat', 'notification') THEN
      RAISE invalid_parameter_value USING MESSAGE = 'chat_publish: type: expected chat or notification';
    ELSIF sender IS NULL OR char_length(sender) NOT BETWEEN 1 AND ${MAX_SENDER} THEN
      RAISE invalid_parameter_value USING
        MESSAGE = 'chat_publish: sender: expected 1 to ${MAX_SENDER} characters';
    END IF;
    size := octet_length(data::text) + octet_length(coalesce(room, '')) + octet_length(sender)
      + ${FRAME_BYTES};
    IF size > ${MAX_BYTES} THEN
      RAISE invalid_parameter_value USING
        MESSAGE = format('chat_publish: data: a message has at most ${MAX_BYTES} bytes, got %s', size);
    END IF;
    -- the trigger locks these first, in one order
    IF called IS NULL OR NOT stripe = ANY (string_to_array(called, ' ')) THEN
      PERFORM set_config('${schema}.rooms', concat_ws(' ', nullif(called, ''), stripe), true);
    END IF;
    INSERT INTO "${schema}".outbox (room, type, sender, data)
    VALUES (coalesce(room, ''), type, sender, data::text);
  END $$;`;

/** A literal without a type is text, so this one is called. */
const PUBLISH_AS = (schema: string, type: 'text' | 'jsonb'): string => `
  CREATE FUNCTION "${schema}".chat_publish(room text, data ${type}, ${OPTIONAL}) RETURNS void
  LANGUAGE sql VOLATILE AS $$
    SELECT "${schema}".chat_publish(room, data${type === 'text' ? '' : '::text'}::json, type, sender)
  $$;`;

const ON_COMMIT = (schema: string): string => `
  CREATE FUNCTION "${schema}".outbox_on_commit() RETURNS trigger
  LANGUAGE plpgsql VOLATILE ${DEFINER} AS $$
  DECLARE
    called text := current_setting('${schema}.rooms', true);
    class integer := ${lockClass(schema)};
  BEGIN
    -- who may execute it may make it a trigger of another table
    IF TG_TABLE_SCHEMA <> '${schema}' OR TG_TABLE_NAME <> 'outbox' THEN
      RAISE insufficient_privilege USING MESSAGE = 'outbox_on_commit: it is for the table outbox only';
    END IF;
    IF called <> '' THEN
      PERFORM pg_advisory_xact_lock(class, stripe) FROM (
        SELECT DISTINCT unnest(string_to_array(called, ' '))::integer AS stripe ORDER BY stripe
      ) AS stripes;
      PERFORM set_config('${schema}.rooms', '', true);
    END IF;
    PERFORM pg_advisory_xact_lock(class, hashtext(NEW.room) & ${STRIPES - 1});
    IF NOT pg_try_advisory_xact_lock_shared(class, ${SLEEP}) THEN
      PERFORM pg_notify('${channelOf(schema)}', '');
    END IF;
    INSERT INTO "${schema}".outbox_commits (message, room) VALUES (NEW.id, NEW.room);
    RETURN NULL;
  END $$;`;

export const sqlPublishSchema = (schema: string): string => `
  CREATE TABLE "${schema}".outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key uuid NOT NULL DEFAULT gen_random_uuid(),
    room text COLLATE "C" NOT NULL,
    type text NOT NULL,
    sender text NOT NULL,
    data text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
  ) ${QUEUE};
  COMMENT ON TABLE "${schema}".outbox IS 'messages of chat_publish that are not published yet';
  COMMENT ON COLUMN "${schema}".outbox.room IS 'empty: to everybody';
  COMMENT ON COLUMN "${schema}".outbox.key IS 'the idempotency key';
  CREATE TABLE "${schema}".outbox_commits (
    nth bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message bigint NOT NULL,
    room text COLLATE "C" NOT NULL
  ) ${QUEUE};
  COMMENT ON TABLE "${schema}".outbox_commits IS 'the order of the commits in each room';
  ${PUBLISH(schema)}
  ${PUBLISH_AS(schema, 'text')}
  ${PUBLISH_AS(schema, 'jsonb')}
  ${ON_COMMIT(schema)}
  CREATE CONSTRAINT TRIGGER outbox_on_commit AFTER INSERT ON "${schema}".outbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "${schema}".outbox_on_commit();
  REVOKE ALL ON FUNCTION "${schema}".chat_publish(text, json, text, text),
    "${schema}".chat_publish(text, text, text, text), "${schema}".chat_publish(text, jsonb, text, text),
    "${schema}".outbox_on_commit() FROM PUBLIC;`;
