/** The layouts of what comes with each message of a room (`frame-codec.ts`). */
import type { IdempotencyKey, KeyOwner } from '../../protocol/idempotency-key.js';
import { type Draft, Publication } from '../../protocol/publication.js';
import type { MessageType } from '../../protocol/system-event.js';
import type { Outcome } from '../redis/port.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';

/** A type is written as its index. */
const TYPES: readonly MessageType[] = ['chat', 'presence', 'notification', 'system'];

const typeAt = (index: number): MessageType => {
  const type = TYPES[index];
  if (type === undefined) throw new RangeError(`no type of messages has the index ${index}`);
  return type;
};

const LOGGED = 1;
const KEYED = 2;
const EXCEPTED = 4;

export const writeDraft = (
  writer: ByteWriter,
  { type, rest, logged, key, digest, except }: Draft,
): void => {
  writer.byte(TYPES.indexOf(type));
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

const OWNERS: readonly KeyOwner['_tag'][] = ['User', 'Anonymous', 'Api', 'App'];

const writeKey = (writer: ByteWriter, { owner, ref }: IdempotencyKey): void => {
  writer.byte(OWNERS.indexOf(owner._tag));
  if (owner._tag === 'User') writer.text(owner.userId);
  writer.text(ref);
};

const readKey = (reader: ByteReader): IdempotencyKey => {
  const _tag = OWNERS[reader.byte()];
  if (_tag === undefined) throw new RangeError('a key has an owner that is not known');
  const owner: KeyOwner = _tag === 'User' ? { _tag, userId: reader.text() } : { _tag };
  return { owner, ref: reader.text() };
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
  switch (reader.byte()) {
    case PLACED:
      return { _tag: 'Placed', id: reader.text() };
    case DUPLICATE:
      return { _tag: 'Duplicate', id: reader.text() };
    default:
      return { _tag: 'KeyReused' };
  }
};
