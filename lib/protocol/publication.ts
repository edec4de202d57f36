/** Messages before they have a position (`Draft`) and with one (`Publication`). */
import { createHash } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { IdempotencyKey } from './idempotency-key.js';
import { isSystemEvent, type MessageType, type Refusal } from './system-event.js';
import {
  formatId,
  GLOBAL,
  type MessageId,
  isRoomName,
  parseId,
  type Room,
  ROOM_RULE,
} from './position.js';
import { payloadIn } from './frame.js';
import { Envelope, flawIn, type Json, kindOf, refuse } from './json.js';
import { nonJsonIn } from './plain-data.js';
import { ID_BYTES, isoOf, oversize, frameWithId, SERVER } from './payload.js';

/** A message without its id. `rest` is the JSON after the id, encoded once. */
export interface Draft {
  readonly room: Room;
  readonly type: MessageType;
  readonly rest: string;
  /** Whether it takes an offset and goes to the log. */
  readonly logged: boolean;
  /**
   * Idempotency: within 5 minutes a message with the same key and the same `digest` (of type and data) is
   * sent once. With another digest it is refused.
   */
  readonly key: IdempotencyKey | undefined;
  readonly digest: string;
  /** The connection that does not get this message: a client gets no presence of its own joins. */
  readonly except: string | undefined;
  /** Whether it waits for all pods: it is refused when it would reach the members on this pod only. */
  readonly clusterOnly?: boolean | undefined;
}

/** A message with its position, as members get it. */
export class Publication {
  constructor(
    readonly id: MessageId,
    /** The text of the id; undefined when it was only written into the frame. */
    private text: string | undefined,
    readonly type: string,
    /** What members get: one buffer for all of them. */
    readonly frame: Buffer,
    /** As in `Draft`. */
    readonly except: string | undefined,
  ) {}

  /** The id in its usual 36 characters. */
  get idText(): string {
    this.text ??= formatId(this.id);
    return this.text;
  }

  /** The JSON text in UTF-8. */
  get payload(): Buffer {
    return payloadIn(this.frame);
  }
}

export interface DraftFields {
  readonly room: Room;
  readonly type: MessageType;
  readonly from: string;
  readonly data: Json;
  /** Unix ms. */
  readonly at: number;
  readonly key?: IdempotencyKey | undefined;
  /** As in `Draft`. */
  readonly clusterOnly?: boolean | undefined;
}

/**
 * Makes a draft. Errors: `invalid_message` when the encoded message exceeds 131,072 bytes. Other pods would
 * drop such a message (`channel-payload.ts`), so it is refused before any member has it.
 */
export const draftOf = ({
  room,
  type,
  from,
  data,
  at,
  key,
  clusterOnly,
}: DraftFields): E.Either<Refusal, Draft> => {
  const json = JSON.stringify(data);
  const rest = restOf({ room, type, from, json, at });
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
    clusterOnly,
  });
};

export interface RestFields {
  readonly room: Room;
  readonly type: string;
  readonly from: string;
  /** The data as JSON text. */
  readonly json: string;
  /** Unix ms. */
  readonly at: number;
}

/** The JSON of a message after its id. */
export const restOf = ({ room, type, from, json, at }: RestFields): string => {
  const named = room === GLOBAL ? '' : `"room":"${room}",`;
  return `"type":"${type}",${named}"from":${JSON.stringify(from)},"data":${json},"timestamp":"${isoOf(at)}"}`;
};

const digestOf = (type: MessageType, json: string): string =>
  createHash('sha256').update(type).update(json).digest('base64url').slice(0, 22);

/**
 * `draftOf` for data of a program, which was not parsed from JSON, so it is checked first. Errors:
 * `invalid_message`, also for what JSON cannot represent (undefined, a function, a cycle).
 */
export const validatedDraft = (fields: DraftFields): E.Either<Refusal, Draft> =>
  PROGRAM_TYPES.has(fields.type)
    ? hookDraftOf(fields)
    : refuse('invalid_message', `type: ${TYPE_EXPECTED}`);

/** `validatedDraft` for what a hook returned: a `presence` is allowed too. */
export const hookDraftOf = (fields: DraftFields): E.Either<Refusal, Draft> => {
  try {
    const flaw = fieldFlaw(fields);
    return flaw === undefined ? draftOf(fields) : refuse('invalid_message', flaw);
  } catch {
    // a getter or a `toJSON` that throws when it is called again
    return refuse('invalid_message', `data${UNENCODABLE}`);
  }
};

const fieldFlaw = ({ room, type, from, key, data }: DraftFields): string | undefined => {
  const named = (field: string, flaw: string | undefined): string | undefined =>
    flaw === undefined ? undefined : `${field}: ${flaw}`;
  return (
    named('room', roomFlaw(room)) ??
    named('from', textFlaw(from)) ??
    named('key', key === undefined ? undefined : textFlaw(key.ref)) ??
    dataFlaw(type, data)
  );
};

const dataFlaw = (type: MessageType, data: Json): string | undefined => {
  const flaw = programFlaw(data) ?? typeFlaw(type, data);
  return flaw === undefined ? undefined : `data${flaw}`;
};

/** What a type requires of its data. */
const typeFlaw = (type: MessageType, data: Json): string | undefined => {
  if (type === 'system') return eventFlaw(data);
  const status = Envelope.is(data) ? data['status'] : undefined;
  return type !== 'presence' || status === 'online' || status === 'away'
    ? undefined
    : `.status: expected "online" or "away", got ${kindOf(status)}`;
};

const PROGRAM_TYPES: ReadonlySet<string> = new Set<MessageType>(['chat', 'notification', 'system']);
const TYPE_EXPECTED = 'send chat, notification or system';

const roomFlaw = (room: unknown): string | undefined => {
  if (typeof room !== 'string') return `expected ${ROOM_RULE}, got ${kindOf(room)}`;
  return room === GLOBAL || isRoomName(room) ? undefined : `a name has ${ROOM_RULE}`;
};

export const textFlaw = (value: unknown): string | undefined =>
  typeof value !== 'string' || value === ''
    ? `expected a text, got ${value === '' ? 'an empty one' : kindOf(value)}`
    : flawIn(value, 0, true);

/** Undefined when JSON cannot represent the value, though the types of JSON.stringify deny that. */
const encoded = (data: unknown): unknown => JSON.stringify(data);

const UNENCODABLE =
  ': the value cannot be encoded as JSON, as a getter or a toJSON in it throws; pass plain values';

const programFlaw = (data: unknown): string | undefined => {
  try {
    const flaw = flawIn(data, 0, true);
    if (flaw !== undefined) return `: ${flaw}`;
    const unplain = nonJsonIn(data);
    if (unplain !== undefined) return unplain;
    return typeof encoded(data) === 'string' ? undefined : ': expected any JSON value, got nothing';
  } catch {
    return UNENCODABLE;
  }
};

/** Why the data of a `system` message is not allowed for a program. */
export const eventFlaw = (data: unknown): string | undefined => {
  const event = Envelope.is(data) ? data['event'] : undefined;
  if (typeof event !== 'string') return `.event: expected a string, got ${kindOf(event)}`;
  return isSystemEvent(event)
    ? '.event: the name belongs to the server; choose another name'
    : undefined;
};

/**
 * The JSON after the id in a payload of this service. It is the same for a message that is sent again under
 * another id.
 */
export const bodyOf = (payload: Buffer): string => payload.toString('utf8', ID_BYTES);

/** Makes a publication of a draft and its id. */
export const publicationOf = (draft: Draft, id: MessageId): Publication => {
  return new Publication(id, undefined, draft.type, frameWithId(id, draft.rest), draft.except);
};

/** The head of a payload of this service: `{"id":"…","type":"…",`. */
const HEAD = /^\{"id":"([0-9a-f-]{36})","type":"([a-z]{1,16})",/;
const HEAD_BYTES = 80;

/**
 * Reads only the head of a payload: 1 µs. That is enough for an entry of a log, which a pod has written. A
 * payload of a channel is checked further (`channel-payload.ts`). None when the head does not have the form
 * of a pod's message.
 */
export const parseStored = (frame: Buffer): O.Option<Publication> => {
  const [, idText = '', type = ''] =
    HEAD.exec(payloadIn(frame).toString('latin1', 0, HEAD_BYTES)) ?? [];
  const id = parseId(idText);
  return O.isNone(id) ? O.none : O.some(new Publication(id.value, idText, type, frame, undefined));
};

/** The connection that a presence message of the server is about. */
export const ownConnection = (type: string, from: string, data: Json): string | undefined => {
  if (type !== 'presence' || from !== SERVER || !Envelope.is(data)) return undefined;
  return typeof data['connection_id'] === 'string' ? data['connection_id'] : undefined;
};
