/**
 * The commands to all pods, as data with a closed set of tags. On `realtime:control` a command is a JSON
 * object, such as `{"type":"disconnect","user":"alice"}`; other payloads are dropped. Any program that may
 * publish there counts as an operator.
 */
import { isUtf8 } from 'node:buffer';
import { type Either, isLeft, isRight, left, right } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { isRoomName, NO_EPOCH, type Room } from '../protocol/position.js';

/** A command to all pods: of an operator, or of a pod. */
export type ControlCommand = Disconnect | CatchUp | Trace;

/** Redis had no space for some commands, the last one this long ago: this pod may not know them. */
export interface CatchUpsLost {
  readonly _tag: 'CatchUpsLost';
  readonly ageMs: number;
}

/** Closes the connection with this id, or all connections of this user, on any pod, with 4503. */
export interface Disconnect {
  readonly _tag: 'Disconnect';
  readonly whom: 'connection' | 'user';
  readonly id: string;
}

/**
 * A pod's report on a group of clients that resume in `room` with one id (`connection/catch-ups.ts`). A
 * client of the group may have an id of the epoch `tag` (0: of any epoch), from the offset `from` on. `until`
 * is the last such offset. While the group is catching up, `until` is null: the last offset is not known yet.
 * It is 0 when no client of the group was cut: then all pods forget the group. A client with such an id may
 * have the global log only up to `since`. `untold`, if it is set: some clients of the group were sent no `gap`
 * for global messages that were published at this time or later. When the global log has trimmed such
 * messages, these clients need one. Both times are Unix ms.
 */
export interface CatchUp {
  readonly _tag: 'CatchUp';
  /** The pod and its group of clients: the next report on them replaces this one. */
  readonly pod: string;
  readonly room: Room;
  readonly tag: number;
  readonly from: number;
  readonly until: number | null;
  readonly since: number;
  /** Absent: each client of the group was sent a `gap` for all messages that the global log had trimmed. */
  readonly untold?: number | undefined;
  /** Only of a command that was read from Redis: its age, or a little more, never less. */
  readonly ageMs?: number;
}

/**
 * A pod's report on messages that it has published for one HTTP request: the pods that deliver them make
 * their spans in the trace of the request (docs/tracing.md). Sent only for a request whose span is recorded.
 */
export interface Trace {
  readonly _tag: 'Trace';
  /** The publishing pod's span, in the form of W3C Trace Context. */
  readonly traceparent: string;
  /** The ids of the messages. */
  readonly ids: readonly string[];
}

/** A command as it was received. `by`: the mark of the pod that sent it; absent when no pod did. */
export interface ReceivedCommand {
  readonly command: ControlCommand;
  readonly by: string | undefined;
}

/**
 * What an id of a connection or a user may look like, for error texts. A user id is as long as a `sub` may
 * be.
 */
export const TARGET_RULES: Readonly<Record<Disconnect['whom'], string>> = {
  connection: 'the UUID that its welcome gave as connection_id',
  user: '1 to 255 characters without control characters',
};
const WHOM = /^[^\p{Cc}\p{Cs}]{1,255}$/u;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text may be the id of a connection or of a user. */
export const isTarget = (id: string): boolean => WHOM.test(id);

/** Whether a text may be an id of this kind. A UUID may be in upper or lower case. */
export const isTargetId = (whom: Disconnect['whom'], id: string): boolean =>
  whom === 'connection' ? UUID.test(id) : isTarget(id);

/** The longest `pod` of a `catch_up`. */
const MAX_POD = 64;
/** The longest command is a `trace` with 100 ids: about 4 kB. */
const MAX_BYTES = 8_192;

const Whom = new t.Type<string, string, unknown>(
  'Whom',
  (value): value is string => typeof value === 'string' && isTarget(value),
  (value, context) =>
    typeof value === 'string' && isTarget(value) ? t.success(value) : t.failure(value, context),
  t.identity,
);
const By = t.partial({ by: t.string });
const Named = t.type({ type: t.literal('disconnect') });
/** Either of the two: a command that names both is invalid. */
const DisconnectCodec = t.union([
  t.intersection([Named, t.type({ connection: Whom }), t.partial({ user: t.undefined }), By]),
  t.intersection([Named, t.type({ user: Whom }), t.partial({ connection: t.undefined }), By]),
]);
const Count = new t.Type<number, number, unknown>(
  'Count',
  (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0,
  (value, context) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? t.success(value)
      : t.failure(value, context),
  t.identity,
);
const CatchUpCodec = t.intersection([
  t.type({
    type: t.literal('catch_up'),
    pod: t.string,
    room: t.string,
    tag: Count,
    from: Count,
    until: t.union([Count, t.null]),
    since: Count,
  }),
  t.partial({ untold: Count }),
  By,
]);

/** A request has at most this many messages. */
const MAX_IDS = 100;
/** Version 00 of W3C Trace Context. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const TraceCodec = t.intersection([
  t.type({ type: t.literal('trace'), traceparent: t.string, ids: t.array(t.string) }),
  By,
]);

/** The text of a command on the channel, sent `by` a pod. */
export const encodeControlCommand = (command: ControlCommand, by: string): string => {
  if (command._tag === 'Disconnect')
    return JSON.stringify({ type: 'disconnect', [command.whom]: command.id, by });
  if (command._tag === 'Trace')
    return JSON.stringify({
      type: 'trace',
      traceparent: command.traceparent,
      ids: command.ids,
      by,
    });
  const { _tag, ageMs: _ageMs, ...fields } = command;
  return JSON.stringify({ type: 'catch_up', ...fields, by });
};

/** Reads a payload of the channel. `Left` says why it is no command. */
export const decodeControlCommand = (payload: Buffer): Either<string, ReceivedCommand> => {
  if (payload.length > MAX_BYTES)
    return left(`control: expected at most ${MAX_BYTES} bytes, got ${payload.length}`);
  if (!isUtf8(payload)) return left('control: expected UTF-8, got other bytes');
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString('utf8'));
  } catch {
    return left('control: expected JSON, got something else');
  }
  const catchUp = CatchUpCodec.decode(parsed);
  if (isRight(catchUp)) return catchUpOf(catchUp.right);
  const trace = TraceCodec.decode(parsed);
  if (isRight(trace)) return traceOf(trace.right);
  const decoded = DisconnectCodec.decode(parsed);
  if (isLeft(decoded))
    return left(
      'control: write {"type":"disconnect"} with either "connection" or "user", an id of 1 to 255 characters',
    );
  const { by, connection, user } = decoded.right;
  return connection === undefined
    ? right({ command: { _tag: 'Disconnect', whom: 'user', id: user }, by })
    : right({ command: { _tag: 'Disconnect', whom: 'connection', id: connection }, by });
};

const catchUpOf = ({
  pod,
  room,
  tag,
  from,
  until,
  since,
  untold,
  by,
}: t.TypeOf<typeof CatchUpCodec>): Either<string, ReceivedCommand> => {
  const command = { _tag: 'CatchUp', pod, room, tag, from, until, since } as const;
  return isRoomName(room) && tag < NO_EPOCH && pod !== '' && pod.length <= MAX_POD
    ? right({ command: untold === undefined ? command : { ...command, untold }, by })
    : left(
        `control: a catch_up needs a room name, a tag < ${NO_EPOCH} and a pod of 1 to ${MAX_POD} characters`,
      );
};

const traceOf = ({
  traceparent,
  ids,
  by,
}: t.TypeOf<typeof TraceCodec>): Either<string, ReceivedCommand> =>
  TRACEPARENT.test(traceparent) && ids.length <= MAX_IDS && ids.every((id) => UUID.test(id))
    ? right({ command: { _tag: 'Trace', traceparent, ids }, by })
    : left(
        `control: a trace needs a traceparent of version 00 and at most ${MAX_IDS} ids of messages`,
      );
