/**
 * What a worker and the exchange send each other: requests of the worker, answers of the exchange, and messages
 * that the exchange sends to subscribers. `frame-codec.ts` has their bytes.
 */
import * as t from 'io-ts';
import type { Draft, Publication } from '../../protocol/publication.js';
import type { Outcome } from '../redis/port.js';

const isBytes = (value: unknown): value is Buffer => Buffer.isBuffer(value);
const Bytes = new t.Type<Buffer>(
  'Bytes',
  isBytes,
  (value, context) => (isBytes(value) ? t.success(value) : t.failure(value, context)),
  t.identity,
);

const Optional = <C extends t.Mixed>(codec: C): t.UnionC<[C, t.UndefinedC]> =>
  t.union([codec, t.undefined]);

/** The calls of `RedisPort`, by name, except `publish`. */
export const PlainRequest = t.union([
  t.type({ _tag: t.literal('Subscribe'), channels: t.array(t.string) }),
  t.type({ _tag: t.literal('Unsubscribe'), channels: t.array(t.string) }),
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
export type PlainRequest = t.TypeOf<typeof PlainRequest>;

/** `RedisPort.publish`: one nonce for each draft, all of one room. */
export interface PublishRequest {
  readonly _tag: 'Publish';
  readonly room: string;
  readonly drafts: readonly Draft[];
  readonly nonces: readonly number[];
  readonly tag: number;
  readonly deadline: number;
}

export type Request = PlainRequest | PublishRequest;

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
  begunMs: Optional(t.number),
  frames: t.array(Bytes),
});

export const PlainReply = t.union([
  t.type({ _tag: t.literal('Done') }),
  t.type({ _tag: t.literal('Late') }),
  t.type({ _tag: t.literal('Position'), position: Optional(Position) }),
  t.type({ _tag: t.literal('Page'), page: Page }),
  t.type({ _tag: t.literal('Number'), value: t.number }),
  t.type({ _tag: t.literal('Names'), names: t.array(t.string) }),
  t.type({
    _tag: t.literal('Recalled'),
    recalled: t.array(t.type({ text: t.string, ageMs: t.number })),
  }),
]);
export type PlainReply = t.TypeOf<typeof PlainReply>;

/** The answer to a publish: an outcome for each draft. */
export interface OutcomesReply {
  readonly _tag: 'Outcomes';
  readonly outcomes: readonly Outcome[];
}

export type Reply = PlainReply | OutcomesReply;

/** From a worker. `call` is the number of a request; each request gets one answer. */
export interface Asked {
  readonly call: number;
  readonly request: Request;
}

/** To a worker. */
export type Answered =
  | { readonly _tag: 'Answer'; readonly call: number; readonly reply: Reply }
  /** A text of a channel: a probe, or a control command. */
  | { readonly _tag: 'Message'; readonly channel: string; readonly payload: Buffer }
  /** A message of a room. */
  | { readonly _tag: 'Published'; readonly channel: string; readonly publication: Publication };
