/** Where a connection wants to go on in a log (contract section 6). */
import * as O from 'fp-ts/lib/Option.js';
import { isAbsentId } from './codec.js';
import { type Id, parseId } from './position.js';

/** After the message with this id; or, knowing only the id of the other log, after its time. */
export type Resume =
  | { readonly _tag: 'After'; readonly id: Id; readonly text: string }
  | { readonly _tag: 'Since'; readonly ms: number };

/** What the handshake's `last_id=ROOM,GLOBAL` means for each of the two logs. */
export interface Resumes {
  readonly room: Resume | undefined;
  readonly global: Resume | undefined;
}

/** The logs' clocks differ by no more: what was said in between comes twice rather than not at all. */
const OVERLAP_MS = 60_000;

export const resumeAfter = (text: string | undefined): Resume | undefined => {
  if (text === undefined || isAbsentId(text)) return undefined;
  const id = parseId(text);
  return O.isNone(id) ? undefined : { _tag: 'After', id: id.value, text: text.toLowerCase() };
};

/** One id alone says by its own bit which log it is of; the other log goes on from its time. */
export const resumesOf = (lastId: string | null): Resumes => {
  const [first, second] = (lastId ?? '').split(',', 2).map(resumeAfter);
  if (first !== undefined && second !== undefined) return { room: first, global: second };
  const one = first ?? second;
  if (one === undefined || one._tag === 'Since') return { room: undefined, global: undefined };
  const since: Resume = { _tag: 'Since', ms: one.id.ms - OVERLAP_MS };
  return one.id.global ? { room: since, global: one } : { room: one, global: since };
};
