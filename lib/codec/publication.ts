/** Messages that have or will get a place: what clients and programs say, on its way to the members. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { isControlEvent, type Refusal } from '../control.js';
import {
  formatId,
  GLOBAL,
  type Id,
  isRoomName,
  parseId,
  Reached,
  type Room,
  ROOM_RULE,
  type Top,
} from '../position.js';
import { frameAround, payloadIn } from './frame.js';
import {
  DATA,
  Envelope,
  flawIn,
  type Json,
  JsonText,
  kindOf,
  MAX_ENCODED_BYTES,
  refuse,
} from './json.js';
import { unplainIn } from './plain.js';
import { ID_BYTES, isoOf, oversize, placedFrame, SERVER } from './payload.js';

/** A message that has everything but its id: `rest` is the JSON behind the id, encoded once. */
export interface Draft {
  readonly room: Room;
  readonly type: MessageType;
  readonly rest: string;
  /** Takes an offset and stands in the log. */
  readonly logged: boolean;
  /** Idempotency: the same key within 5 minutes is stored once, if `digest`, of the type and the data, is the same too. */
  readonly key: string | undefined;
  readonly digest: string;
  /** The connection that must not hear this: nobody hears of their own coming. */
  readonly except: string | undefined;
}

/** A message with its place, as members get it. */
export class Publication {
  constructor(
    readonly id: Id,
    /** The id as it came; undefined where it was written into the frame alone. */
    private text: string | undefined,
    readonly type: string,
    /** As members get it: one for all of them. */
    readonly frame: Buffer,
    /** As in `Draft`. */
    readonly except: string | undefined,
  ) {}

  /** The id in its usual 36 characters. */
  get idText(): string {
    this.text ??= formatId(this.id);
    return this.text;
  }

  /** Whether a log that stands there stands at this message. */
  isAt(top: Top): boolean {
    return top instanceof Reached ? top.last === this.id : top.id === this.idText;
  }

  /** The JSON, UTF-8. */
  get payload(): Buffer {
    return payloadIn(this.frame);
  }
}

/** What members can be sent: types that have a room's place or pass through it. */
export type MessageType = 'chat' | 'presence' | 'notification' | 'system';

export interface DraftFields {
  readonly room: Room;
  readonly type: MessageType;
  readonly from: string;
  readonly data: Json;
  /** Unix ms. */
  readonly at: number;
  readonly key?: string | undefined;
}

/**
 * A message that waits for its id. Errors: `invalid_message` when it is over 131,072 bytes as encoded; no pod would
 * take it from a neighbour then (contract section 5), so it is refused before anyone has it.
 */
export const draftOf = ({
  room,
  type,
  from,
  data,
  at,
  key,
}: DraftFields): E.Either<Refusal, Draft> => {
  const json = JSON.stringify(data);
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  const rest = `"type":"${type}",${named}"from":${JSON.stringify(from)},"data":${json},"timestamp":"${isoOf(at)}"}`;
  const fault = oversize(rest);
  if (fault !== undefined) return fault;
  return E.right({
    room,
    type,
    rest,
    logged: type !== 'presence',
    except: ownConnection(type, from, data),
    key,
    digest: key === undefined ? '' : digestOf(type, json),
  });
};

const digestOf = (type: MessageType, json: string): string =>
  createHash('sha256').update(type).update(json).digest('base64url').slice(0, 22);

/**
 * The same for what a program says rather than a client: its data was not read from JSON, so it is checked first.
 * Errors: `invalid_message`; what JSON cannot say (undefined, a function, a cycle) is one too.
 */
export const programDraftOf = (fields: DraftFields): E.Either<Refusal, Draft> => {
  const flaw = PROGRAM_TYPES.has(fields.type) ? fieldFlaw(fields) : `type: ${TYPE_EXPECTED}`;
  return flaw === undefined ? draftOf(fields) : refuse('invalid_message', flaw);
};

/** The same for what an application's hook made of a message: of whatever type that is, it may be no other one. */
export const changedDraftOf = (fields: DraftFields): E.Either<Refusal, Draft> => {
  const flaw = fieldFlaw(fields);
  return flaw === undefined ? draftOf(fields) : refuse('invalid_message', flaw);
};

const fieldFlaw = ({ room, type, from, key, data }: DraftFields): string | undefined => {
  const named = (field: string, flaw: string | undefined): string | undefined =>
    flaw === undefined ? undefined : `${field}: ${flaw}`;
  return (
    named('room', roomFlaw(room)) ??
    named('from', textFlaw(from)) ??
    named('key', key === undefined ? undefined : textFlaw(key)) ??
    dataFlaw(type, data)
  );
};

const dataFlaw = (type: MessageType, data: Json): string | undefined => {
  const flaw = programFlaw(data) ?? typeFlaw(type, data);
  return flaw === undefined ? undefined : `data${flaw}`;
};

/** What a type asks of its data. */
const typeFlaw = (type: MessageType, data: Json): string | undefined => {
  if (type === 'system') return eventFlaw(data);
  const status = Envelope.is(data) ? data['status'] : undefined;
  return type !== 'presence' || status === 'online' || status === 'away'
    ? undefined
    : `.status: expected "online" or "away", got ${kindOf(status)}`;
};

const PROGRAM_TYPES: ReadonlySet<string> = new Set<MessageType>(['chat', 'notification', 'system']);
const TYPE_EXPECTED = 'expected chat, notification or system, got another';

const roomFlaw = (room: unknown): string | undefined => {
  if (typeof room !== 'string') return `expected ${ROOM_RULE}, got ${kindOf(room)}`;
  return room === GLOBAL || isRoomName(room)
    ? undefined
    : `expected ${ROOM_RULE}, got another text`;
};

const textFlaw = (value: unknown): string | undefined =>
  typeof value !== 'string' || value === ''
    ? `expected a text, got ${value === '' ? 'an empty one' : kindOf(value)}`
    : flawIn(value, 0, true);

/** Undefined where JSON has no word for it, whatever the types say. */
const encoded = (data: unknown): unknown => JSON.stringify(data);

const programFlaw = (data: unknown): string | undefined => {
  try {
    const flaw = flawIn(data, 0, true);
    if (flaw !== undefined) return `: ${flaw}`;
    const unplain = unplainIn(data);
    if (unplain !== undefined) return unplain;
    return typeof encoded(data) === 'string' ? undefined : ': expected any JSON value, got nothing';
  } catch {
    return ': expected any JSON value, got one that cannot be encoded';
  }
};

/** What makes the data of a `system` message none that a program may say. */
export const eventFlaw = (data: unknown): string | undefined => {
  const event = Envelope.is(data) ? data['event'] : undefined;
  if (typeof event !== 'string') return `.event: expected a string, got ${kindOf(event)}`;
  return isControlEvent(event)
    ? ".event: expected an application's own, got one of the server's"
    : undefined;
};

/** What follows the id in a payload of our own: the same for a message however often and under whatever id it is said. */
export const restOf = (payload: Buffer): string => payload.toString('utf8', ID_BYTES);

/** A draft that got its place. */
export const publicationOf = (draft: Draft, id: Id): Publication => {
  return new Publication(id, undefined, draft.type, placedFrame(id, draft.rest), draft.except);
};

/** The first bytes of what we place: `{"id":"…","type":"…",` and then as it comes. */
const HEAD = /^\{"id":"([0-9a-f-]{36})","type":"([a-z]{1,16})",/;
const HEAD_BYTES = 80;

/** What a log gives back: it was placed by a pod, so only its head is read, 1 µs. None when it is something else. */
export const placedIn = (frame: Buffer): O.Option<Publication> => {
  const [, idText = '', type = ''] =
    HEAD.exec(payloadIn(frame).toString('latin1', 0, HEAD_BYTES)) ?? [];
  const id = parseId(idText);
  return O.isNone(id) ? O.none : O.some(new Publication(id.value, idText, type, frame, undefined));
};

/** Whom a message of the server's own presence is about. */
const ownConnection = (type: string, from: string, data: Json): string | undefined => {
  if (type !== 'presence' || from !== SERVER || !Envelope.is(data)) return undefined;
  return typeof data['connection_id'] === 'string' ? data['connection_id'] : undefined;
};

const FOREIGN_TYPES: ReadonlySet<string> = new Set<MessageType>([
  'chat',
  'presence',
  'notification',
  'system',
]);

/**
 * Reads a payload from a room's channel: another pod's, or any program's (contract section 5).
 * `Left` says in words why it is not one; such a payload is dropped and counted.
 */
export const decodePublication = (payload: Buffer, room: Room): E.Either<string, Publication> => {
  if (payload.length > MAX_ENCODED_BYTES)
    return E.left(`expected at most ${MAX_ENCODED_BYTES} bytes, got ${payload.length}`);
  if (!isUtf8(payload)) return E.left('expected UTF-8, got other bytes');
  const json = JsonText.read(payload.toString('utf8'));
  if (json === undefined) return E.left('expected JSON, got something else');
  const parsed = json.value;
  if (!Envelope.is(parsed) || Array.isArray(parsed))
    return E.left(`expected an object, got ${kindOf(parsed)}`);
  const { id: said, type, from, data, timestamp } = parsed;
  if (typeof said !== 'string') return E.left(`id: expected a UUIDv7, got ${kindOf(said)}`);
  const id = parseId(said);
  if (O.isNone(id)) return E.left('id: expected a UUIDv7, got another text');
  if (typeof type !== 'string' || !FOREIGN_TYPES.has(type))
    return E.left('type: expected chat, presence, notification or system, got another');
  if (parsed['room'] !== (room === GLOBAL ? undefined : room))
    return E.left("room: expected the channel's, none on the global one, got another");
  const wrongFrom = textFlaw(from);
  if (typeof from !== 'string' || wrongFrom !== undefined)
    return E.left(`from: ${wrongFrom ?? ''}`);
  if (!isTime(timestamp))
    return E.left('timestamp: expected ISO 8601 in UTC with milliseconds, got something else');
  if (data === undefined) return E.left('data: expected a JSON value, got nothing');
  const flaw = json.flawIn(data, DATA);
  if (flaw !== undefined) return E.left(`data: ${flaw}`);
  const wrongEvent = type === 'system' ? eventFlaw(data) : undefined;
  if (wrongEvent !== undefined) return E.left(`data${wrongEvent}`);
  const except = ownConnection(type, from, data);
  // in capitals it is the same one
  const idText = said.toLowerCase();
  return E.right(new Publication(id.value, idText, type, frameAround(payload), except));
};

const TIME = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z$/;

/** The last text that was a time: many messages share a millisecond. */
let lastTime = '';
const isTime = (text: unknown): boolean => {
  if (typeof text !== 'string') return false;
  if (text === lastTime) return true;
  if (!TIME.test(text) || Number.isNaN(Date.parse(text))) return false;
  lastTime = text;
  return true;
};
