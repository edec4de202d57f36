/** The layouts of what comes with each message of a room (`frame-codec.ts`). */
import type { IdempotencyKey, KeyOwner } from '../../protocol/idempotency-key.js';
import { type Draft, Publication } from '../../protocol/publication.js';
import type { MessageType } from '../../protocol/system-event.js';
import type { Outcome } from '../redis/port.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';

/** A type is written as a number. */
const NUMBERS: Readonly<Record<MessageType, number>> = {
  chat: 0,
  presence: 1,
  notification: 2,
  system: 3,
};
const isType = (text: string): text is MessageType => Object.hasOwn(NUMBERS, text);
const TYPES: readonly MessageType[] = Object.keys(NUMBERS).filter(isType);

const typeAt = (number: number): MessageType => {
  const type = TYPES[number];
  if (type === undefined) throw new RangeError(`no type of messages has the number ${number}`);
  return type;
};

const LOGGED = 1;
const KEYED = 2;
const EXCEPTED = 4;

export const writeDraft = (
  writer: ByteWriter,
  { type, rest, logged, key, digest, except }: Draft,
): void => {
  writer.byte(NUMBERS[type]);
  writer.byte(
    (logged ? LOGGED : 0) | (key === undefined ? 0 : KEYED) | (except === undefined ? 0 : EXCEPTED),
  );
  writer.text(rest);
  if (key !== undefined) {
    writeKey(writer, key);
    writer.text(digest);
  }
  if (except !== undefined) writer.text(except);
};

export const readDraft = (reader: ByteReader, room: string): Draft => {
  const type = typeAt(reader.byte());
  const flags = reader.byte();
  const rest = reader.text();
  const isKeyed = (flags & KEYED) !== 0;
  const key = isKeyed ? readKey(reader) : undefined;
  const digest = isKeyed ? reader.text() : '';
  const except = (flags & EXCEPTED) === 0 ? undefined : reader.text();
  return { room, type, rest, logged: (flags & LOGGED) !== 0, key, digest, except };
};

type Nobody = Exclude<KeyOwner['_tag'], 'User'>;

const USER = 0;
/** Owners that are no user, as numbers. */
const OWNERS: Readonly<Record<Nobody, number>> = { Anonymous: 1, Api: 2, App: 3, Sql: 4 };
const isNobody = (text: string): text is Nobody => Object.hasOwn(OWNERS, text);
const NOBODIES: readonly Nobody[] = Object.keys(OWNERS).filter(isNobody);

const writeKey = (writer: ByteWriter, { owner, ref }: IdempotencyKey): void => {
  writer.byte(owner._tag === 'User' ? USER : OWNERS[owner._tag]);
  if (owner._tag === 'User') writer.text(owner.userId);
  writer.text(ref);
};

const readKey = (reader: ByteReader): IdempotencyKey => {
  const number = reader.byte();
  if (number === USER)
    return { owner: { _tag: 'User', userId: reader.text() }, ref: reader.text() };
  const _tag = NOBODIES[number - 1];
  if (_tag === undefined) throw new RangeError(`no owner of a key has the number ${number}`);
  return { owner: { _tag }, ref: reader.text() };
};

const GLOBAL = 1;
const OUTSIDE = 2;

export const writePublication = (
  writer: ByteWriter,
  { id, type, frame, except }: Publication,
): void => {
  writer.byte((id.global ? GLOBAL : 0) | (id.outside ? OUTSIDE : 0));
  writer.number(id.tag);
  writer.number(id.offset);
  writer.number(id.ms);
  writer.number(id.nonce);
  writer.text(type);
  writer.blob(frame);
  writer.text(except ?? '');
};

export const readPublication = (reader: ByteReader): Publication => {
  const flags = reader.byte();
  const id = {
    tag: reader.number(),
    offset: reader.number(),
    ms: reader.number(),
    global: (flags & GLOBAL) !== 0,
    outside: (flags & OUTSIDE) !== 0,
    nonce: reader.number(),
  };
  const type = reader.text();
  const frame = reader.blob();
  const except = reader.text();
  return new Publication(id, undefined, type, frame, except === '' ? undefined : except);
};

const PLACED = 0;
const DUPLICATE = 1;
const KEY_REUSED = 2;

export const writeOutcome = (writer: ByteWriter, outcome: Outcome): void => {
  switch (outcome._tag) {
    case 'KeyReused':
      return writer.byte(KEY_REUSED);
    case 'Placed':
      writer.byte(PLACED);
      return writer.text(outcome.id);
    case 'Duplicate':
      writer.byte(DUPLICATE);
      return writer.text(outcome.id);
  }
};

export const readOutcome = (reader: ByteReader): Outcome => {
  const number = reader.byte();
  switch (number) {
    case PLACED:
      return { _tag: 'Placed', id: reader.text() };
    case DUPLICATE:
      return { _tag: 'Duplicate', id: reader.text() };
    case KEY_REUSED:
      return { _tag: 'KeyReused' };
    default:
      throw new RangeError(`no outcome has the number ${number}`);
  }
};
