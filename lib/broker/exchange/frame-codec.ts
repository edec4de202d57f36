/**
 * The bytes of frames. A frame has all that one side has to send in one turn of the event loop, as records in
 * order. What comes with each message of a room has a layout of its own, as a structured clone of it costs 12
 * µs. All other content is a structured clone, and is checked when it is read.
 *
 *   frame  = version, records
 *   record = kind, content
 *
 * A frame of another version is not read: after a reload, a worker may run a later version of the program than
 * the process that started it.
 */
import { deserialize, serialize } from 'node:v8';
import type * as t from 'io-ts';
import type { Draft } from '../../protocol/publication.js';
import { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import {
  readDraft,
  readOutcome,
  readPublication,
  writeDraft,
  writeOutcome,
  writePublication,
} from './frame-fields.js';
import { type Answered, type Asked, PlainReply, PlainRequest } from './frames.js';

/** To be changed with each change of the layout, and of `frames.ts`. */
const VERSION = 1;

const PLAIN = 0;
const PUBLISH = 1;
const OUTCOMES = 2;
const PUBLISHED = 3;
const MESSAGE = 4;

const beginRecord = (writer: ByteWriter, kind: number): void => {
  if (writer.length === 0) writer.byte(VERSION);
  writer.byte(kind);
};

/** Adds a request to the frame. */
export const writeAsked = (writer: ByteWriter, { call, request }: Asked): void => {
  beginRecord(writer, request._tag === 'Publish' ? PUBLISH : PLAIN);
  writer.number(call);
  if (request._tag !== 'Publish') return writer.blob(serialize(request));
  const { room, drafts, nonces, tag, deadline } = request;
  writer.text(room);
  writer.number(tag);
  writer.number(deadline);
  writer.uint(drafts.length);
  drafts.forEach((draft, i) => {
    writer.number(nonces[i] ?? 0);
    writeDraft(writer, draft);
  });
};

/** Adds an event to the frame. */
export const writeAnswered = (writer: ByteWriter, event: Answered): void => {
  switch (event._tag) {
    case 'Published':
      beginRecord(writer, PUBLISHED);
      writer.text(event.channel);
      return writePublication(writer, event.publication);
    case 'Message':
      beginRecord(writer, MESSAGE);
      writer.text(event.channel);
      return writer.blob(event.payload);
    case 'Answer': {
      const { call, reply } = event;
      beginRecord(writer, reply._tag === 'Outcomes' ? OUTCOMES : PLAIN);
      writer.number(call);
      if (reply._tag !== 'Outcomes') return writer.blob(serialize(reply));
      writer.uint(reply.outcomes.length);
      for (const outcome of reply.outcomes) writeOutcome(writer, outcome);
    }
  }
};

/** The requests of a frame; undefined when it cannot be read. */
export const readAsked = (frame: Buffer): readonly Asked[] | undefined =>
  recordsOf(frame, (reader, kind) => {
    const call = reader.number();
    if (kind === PLAIN) return { call, request: plain(reader, PlainRequest) };
    if (kind !== PUBLISH) throw new RangeError(`no request has the kind ${kind}`);
    const room = reader.text();
    const tag = reader.number();
    const deadline = reader.number();
    const drafts: Draft[] = [];
    const nonces: number[] = [];
    for (let left = reader.uint(); left > 0; left--) {
      nonces.push(reader.number());
      drafts.push(readDraft(reader, room));
    }
    return { call, request: { _tag: 'Publish', room, drafts, nonces, tag, deadline } };
  });

/** The events of a frame; undefined when it cannot be read. */
export const readAnswered = (frame: Buffer): readonly Answered[] | undefined =>
  recordsOf(frame, (reader, kind) => {
    switch (kind) {
      case PUBLISHED:
        return {
          _tag: 'Published',
          channel: reader.text(),
          publication: readPublication(reader),
        };
      case MESSAGE:
        return { _tag: 'Message', channel: reader.text(), payload: reader.blob() };
      case OUTCOMES: {
        const call = reader.number();
        const outcomes = Array.from({ length: reader.uint() }, () => readOutcome(reader));
        return { _tag: 'Answer', call, reply: { _tag: 'Outcomes', outcomes } };
      }
      case PLAIN:
        return { _tag: 'Answer', call: reader.number(), reply: plain(reader, PlainReply) };
      default:
        throw new RangeError(`no event has the kind ${kind}`);
    }
  });

const recordsOf = <A>(
  frame: Buffer,
  read: (reader: ByteReader, kind: number) => A,
): readonly A[] | undefined => {
  const reader = new ByteReader(frame);
  const records: A[] = [];
  try {
    if (reader.byte() !== VERSION) return undefined;
    while (!reader.isAtEnd) records.push(read(reader, reader.byte()));
    return records;
  } catch {
    return undefined;
  }
};

const plain = <A>(reader: ByteReader, codec: t.Type<A>): A => {
  const value: unknown = deserialize(reader.blob());
  if (!codec.is(value)) throw new RangeError(`the content is no ${codec.name}`);
  return value;
};
