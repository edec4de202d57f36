/** The statements of the archive, and the values that go into them. */
import { formatId } from '../../protocol/position.js';
import { PAGE_BYTES } from '../page.js';
import { firstIdOf } from './partitions.js';
import type { PageQuery } from './port.js';
import type { ArchiveRow } from './row.js';
import type { Poisoned } from './writer.js';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** One statement for any number of rows: an array for each column. */
export const insertOf = (schema: string, rows: readonly ArchiveRow[]): Statement => ({
  text: `
    INSERT INTO "${schema}".messages (room, id, epoch, log_offset, type, sender, data, sent_at)
    SELECT room, id, epoch, log_offset, type, sender, data, to_timestamp(at / 1000.0)
    FROM unnest($1::text[], $2::uuid[], $3::int2[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::int8[])
      AS r (room, id, epoch, log_offset, type, sender, data, at)
    ON CONFLICT DO NOTHING`,
  values: [
    rows.map(({ room }) => room),
    rows.map(({ id }) => id),
    rows.map(({ epoch }) => epoch),
    rows.map(({ offset }) => offset),
    rows.map(({ type }) => type),
    rows.map(({ from }) => from),
    rows.map(({ json }) => json),
    rows.map(({ at }) => at),
  ],
});

export const rejectOf = (schema: string, poisoned: readonly Poisoned[]): Statement => ({
  text: `
    INSERT INTO "${schema}".rejected (room, id, payload, reason)
    SELECT room, id, decode(payload, 'base64'), reason
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) AS r (room, id, payload, reason)
    ON CONFLICT DO NOTHING`,
  values: [
    poisoned.map(({ item }) => item.room),
    poisoned.map(({ item }) => item.id),
    poisoned.map(({ item }) => item.payload.toString('base64')),
    // the text may repeat what PostgreSQL refused
    poisoned.map(({ detail }) => detail.replaceAll('\u0000', '').toWellFormed()),
  ],
});

/**
 * The rows of a page, from its bound on. The first row is there however large it is. No message has the first
 * id of a time, as that is no UUIDv7.
 */
export const pageOf = (schema: string, { room, direction, bound, limit }: PageQuery): Statement => {
  const isAfter = direction === 'After';
  const byPosition = bound._tag === 'Position';
  const order = `${byPosition ? 'log_offset' : 'id'} ${isAfter ? 'ASC' : 'DESC'}`;
  const where = byPosition
    ? `epoch = $3 AND log_offset ${isAfter ? '>' : '<'} $4 AND id >= $5`
    : `id ${isAfter ? '>' : '<'} $3`;
  const values = byPosition
    ? [bound.tag, bound.offset, firstIdOf(bound.sinceMs ?? 0)]
    : [bound._tag === 'Time' ? firstIdOf(bound.ms) : formatId(bound.id)];
  return {
    text: `
      SELECT id, type, sender, data, (extract(epoch FROM sent_at) * 1000)::int8 AS at, found
      FROM (
        SELECT *, count(*) OVER () AS found, row_number() OVER w AS nth,
          sum(octet_length(data)) OVER w - octet_length(data) AS bytes_before
        FROM (
          SELECT id, log_offset, type, sender, data, sent_at FROM "${schema}".messages
          WHERE room = $1 AND ${where} ORDER BY ${order} LIMIT $2 + 1
        ) AS next
        WINDOW w AS (ORDER BY ${order} ROWS UNBOUNDED PRECEDING)
      ) AS counted
      WHERE nth <= $2 AND (nth = 1 OR bytes_before + octet_length(data) <= ${PAGE_BYTES})
      ORDER BY ${order}`,
    values: [room, limit, ...values],
  };
};
