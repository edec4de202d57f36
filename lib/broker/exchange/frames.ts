/**
 * The frames between a worker and the exchange: requests of the worker, answers of the exchange, and messages
 * that the exchange sends to subscribers. The frames travel on the channel that Node opens between a process
 * and its child (structured clone, in order, without loss while both live). A frame has everything that one
 * side has to send in one turn of the event loop.
 */
import * as t from 'io-ts';

const isBytes = (value: unknown): value is Buffer => Buffer.isBuffer(value);
const Bytes = new t.Type<Buffer>(
  'Bytes',
  isBytes,
  (value, context) => (isBytes(value) ? t.success(value) : t.failure(value, context)),
  t.identity,
);

const Optional = <C extends t.Mixed>(codec: C): t.UnionC<[C, t.UndefinedC]> =>
  t.union([codec, t.undefined]);

const KeyOwner = t.union([
  t.type({ _tag: t.literal('User'), userId: t.string }),
  t.type({ _tag: t.literal('Anonymous') }),
  t.type({ _tag: t.literal('Api') }),
  t.type({ _tag: t.literal('App') }),
]);

const Draft = t.type({
  room: t.string,
  type: t.keyof({ chat: null, presence: null, notification: null, system: null }),
  rest: t.string,
  logged: t.boolean,
  key: Optional(t.type({ owner: KeyOwner, ref: t.string })),
  digest: t.string,
  except: Optional(t.string),
});

/** The calls of `RedisPort`, by name. */
export const Request = t.union([
  t.type({ _tag: t.literal('Subscribe'), channels: t.array(t.string) }),
  t.type({ _tag: t.literal('Unsubscribe'), channels: t.array(t.string) }),
  t.type({
    _tag: t.literal('Publish'),
    room: t.string,
    drafts: t.array(Draft),
    nonces: t.array(t.number),
    tag: t.number,
    deadline: t.number,
  }),
  t.type({ _tag: t.literal('Position'), room: t.string }),
  t.type({ _tag: t.literal('Top'), room: t.string, tag: t.number }),
  t.type({
    _tag: t.literal('Page'),
    room: t.string,
    from: t.number,
    most: t.number,
    tag: t.number,
    known: Optional(t.number),
  }),
  t.type({ _tag: t.literal('Peek'), room: t.string, from: t.number, most: t.number }),
  t.type({ _tag: t.literal('Renew'), room: t.string, old: t.number, tag: t.number }),
  t.type({ _tag: t.literal('Members'), room: t.string, own: Optional(t.number) }),
  t.type({ _tag: t.literal('Probe'), channel: t.string, text: t.string }),
  t.type({ _tag: t.literal('Lease') }),
  t.type({
    _tag: t.literal('Control'),
    text: t.string,
    kept: Optional(t.type({ name: t.string, ms: t.number, isOver: t.boolean })),
  }),
  t.type({ _tag: t.literal('Recall'), ms: t.number }),
]);
export type Request = t.TypeOf<typeof Request>;

const Position = t.type({
  tag: t.number,
  offset: t.number,
  ms: t.number,
  id: t.union([t.string, t.null]),
});

/** A page of a log (`history/page.ts`). `frames`: its entries. */
const Page = t.type({
  top: Position,
  first: t.number,
  beforeMs: Optional(t.number),
  renewedMs: Optional(t.number),
  frames: t.array(Bytes),
});

const Outcome = t.union([
  t.type({ _tag: t.literal('Placed'), id: t.string }),
  t.type({ _tag: t.literal('Duplicate'), id: t.string }),
  t.type({ _tag: t.literal('KeyReused') }),
]);

export const Reply = t.union([
  t.type({ _tag: t.literal('Done') }),
  t.type({ _tag: t.literal('Late') }),
  t.type({ _tag: t.literal('Outcomes'), outcomes: t.array(Outcome) }),
  t.type({ _tag: t.literal('Position'), position: Optional(Position) }),
  t.type({ _tag: t.literal('Page'), page: Page }),
  t.type({ _tag: t.literal('Number'), value: t.number }),
  t.type({ _tag: t.literal('Names'), names: t.array(t.string) }),
  t.type({
    _tag: t.literal('Recalled'),
    recalled: t.array(t.type({ text: t.string, ageMs: t.number })),
  }),
]);
export type Reply = t.TypeOf<typeof Reply>;

/** From a worker. `call` is the number of a request; each request gets one answer. */
export const Asked = t.type({
  _tag: t.literal('Asked'),
  requests: t.array(t.type({ call: t.number, request: Request })),
});
export type Asked = t.TypeOf<typeof Asked>;

/** The fields of a message's id (`protocol/message-id.ts`). */
const Id = t.type({
  tag: t.number,
  offset: t.number,
  ms: t.number,
  global: t.boolean,
  outside: t.boolean,
  nonce: t.number,
});

/** To a worker: answers, and messages of channels, in the order in which the exchange made them. */
export const Answered = t.type({
  _tag: t.literal('Answered'),
  events: t.array(
    t.union([
      t.type({ _tag: t.literal('Answer'), call: t.number, reply: Reply }),
      t.type({ _tag: t.literal('Message'), channel: t.string, payload: Bytes }),
      /** A message of a room, as members get it. The worker need not decode it. */
      t.type({
        _tag: t.literal('Published'),
        channel: t.string,
        id: Id,
        type: t.string,
        frame: Bytes,
        except: Optional(t.string),
      }),
    ]),
  ),
});
export type Answered = t.TypeOf<typeof Answered>;
