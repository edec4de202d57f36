/** Where a client resumes, by the ids that it brings. */
import { NO_EPOCH } from '../../../lib/protocol/position.js';
import { LAG_MS, OVERLAP_MS } from '../../../lib/protocol/resume.js';
import { idOf } from './frame.js';
import { type Resumed } from './stay.js';
import { type ReceivedMessage } from './message.js';

export const resumedAfter = (
  text: string | undefined,
  messages: ReadonlyMap<string, ReceivedMessage>,
): Resumed | undefined => {
  const id = text === undefined ? undefined : idOf(text);
  const message = messages.get(text ?? '');
  return id === undefined || id.tag === NO_EPOCH
    ? undefined
    : { _tag: 'After', id, message: message?.id.outside === true ? undefined : message };
};

/** The query may have two ids, one for each log. With one id, the other log resumes by its time. */
export const resumesIn = (
  text: string | undefined,
  messages: ReadonlyMap<string, ReceivedMessage>,
): { readonly room: Resumed | undefined; readonly global: Resumed | undefined } => {
  const texts = (text ?? '').split(',', 2);
  const afters = texts.map((each) => resumedAfter(each, messages));
  const of = (global: boolean): Resumed | undefined =>
    afters.find((each) => each?._tag === 'After' && each.id.global === global);
  const [room, global] = [of(false), of(true)];
  if (room !== undefined && global !== undefined) return { room, global };
  // of two ids of one log the later one counts
  const alone = resumedAfter(
    [...texts]
      .filter((each) => idOf(each))
      .sort()
      .at(-1),
    messages,
  );
  // an id that names no log may have a time
  const ms = alone?._tag === 'After' ? alone.id.ms : (idOf(texts[0] ?? '')?.ms ?? 0);
  if (ms === 0) return { room: undefined, global: undefined };
  const since: Resumed = { _tag: 'Since', ms: ms - OVERLAP_MS, dueMs: ms - LAG_MS };
  if (alone?._tag !== 'After') return { room: since, global: since };
  return alone.id.global ? { room: since, global: alone } : { room: alone, global: since };
};
