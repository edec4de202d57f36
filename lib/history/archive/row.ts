/**
 * A message as the columns of its row, and back. The row has each part of the payload once, and the payload
 * that is made of them again has the same bytes. A payload for which this does not hold is no row.
 */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import { frameOf } from '../../protocol/frame.js';
import { ID_BYTES } from '../../protocol/payload.js';
import { GLOBAL, parseId, type Room } from '../../protocol/position.js';
import { Publication, restOf } from '../../protocol/publication.js';
import { isNone } from 'fp-ts/lib/Option.js';

export interface ArchiveRow {
  readonly room: Room;
  readonly id: string;
  /** The tag of the epoch. */
  readonly epoch: number;
  readonly offset: number;
  readonly type: string;
  readonly from: string;
  /** The data as JSON text, as it was sent. */
  readonly json: string;
  /** `timestamp`, Unix ms. */
  readonly at: number;
  /** When the position was given, Unix ms: the row is in the partition of this day. */
  readonly ms: number;
}

const HEAD = /^"type":"([a-z]{1,16})",(?:"room":"([^"]+)",)?"from":("(?:[^"\\]|\\.)*"),"data":/;
/** `,"timestamp":"2026-01-15T10:30:00.123Z"}` */
const TAIL = 40;
const TIME = 14;

export const rowOf = (
  room: Room,
  { id, idText, frame, payload }: Publication,
): Either<string, ArchiveRow> => {
  const rest = payload.toString('utf8', ID_BYTES);
  const [head = '', type = '', named = GLOBAL, quoted = '""'] = HEAD.exec(rest) ?? [];
  const at = Date.parse(rest.slice(TIME - TAIL, -2));
  if (head === '' || named !== room || Number.isNaN(at)) return left(FORM);
  const from: unknown = parsed(quoted);
  if (typeof from !== 'string') return left(FORM);
  if (!from.isWellFormed()) return left('from: a lone surrogate cannot be stored');
  const row = { room, id: idText, epoch: id.tag, offset: id.offset, ms: id.ms };
  const whole = { ...row, type, from, json: rest.slice(head.length, -TAIL), at };
  return publicationIn(whole)?.frame.equals(frame) === true ? right(whole) : left(FORM);
};

/** Undefined when the id is none. */
export const publicationIn = (
  row: Pick<ArchiveRow, 'room' | 'id' | 'type' | 'from' | 'json' | 'at'>,
): Publication | undefined => {
  const id = parseId(row.id);
  if (isNone(id)) return undefined;
  const frame = frameOf(`{"id":"${row.id}",${restOf(row)}`);
  return new Publication(id.value, row.id, row.type, frame, undefined);
};

const FORM = 'the message does not have the form of a message of this service';

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
};
