/** Replies of the scripts as values. A reply of another form is an error that names the expected form. */
import * as E from 'fp-ts/lib/Either.js';
import { type Page, pageOf } from '../../history/page.js';
import { frameOf } from '../../protocol/frame.js';
import type { LogPosition } from '../../protocol/position.js';
import { listOf, unexpectedReply } from './errors.js';
import type { Outcome, Recalled, RedisError } from './port.js';

export const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

export const recalledOf = (reply: unknown): E.Either<RedisError, readonly Recalled[]> => {
  const flat = listOf(reply);
  const commands: Recalled[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [ageMs, text] = flat.slice(i, i + 2);
    if (typeof ageMs !== 'number' || typeof text !== 'string')
      return unexpectedReply(reply, 'ages and texts');
    commands.push({ ageMs, text });
  }
  return E.right(commands);
};

/**
 * A number that this service can have written. Another program may have written a text, or a number that is
 * too large.
 */
const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

export const topOf = (reply: unknown): E.Either<RedisError, LogPosition> => {
  const [tag, offset, ms, id] = listOf(reply);
  if (!isCount(tag) || !isCount(offset) || !isCount(ms) || typeof id !== 'string')
    return unexpectedReply(reply, 'a position');
  return E.right({ tag, offset, ms, id: id === '' ? null : id });
};

export const pageIn = (reply: unknown, from: number): E.Either<RedisError, Page> => {
  const top = topOf(reply);
  if (E.isLeft(top)) return top;
  const [first, before, renewed, begun, ...payloads] = listOf(reply).slice(4);
  if (
    typeof first !== 'number' ||
    typeof before !== 'number' ||
    typeof renewed !== 'number' ||
    typeof begun !== 'number' ||
    !isTexts(payloads)
  )
    return unexpectedReply(reply, 'a page');
  const times = {
    beforeMs: before < 0 ? undefined : before,
    renewedMs: renewed < 0 ? undefined : renewed,
    begunMs: begun < 0 ? undefined : begun,
  };
  return E.right(pageOf(top.right, first, from, payloads.map(frameOf), times));
};

export const outcomesOf = (
  reply: unknown,
  count: number,
): E.Either<RedisError, readonly Outcome[]> => {
  if (reply === 0)
    return E.left({ _tag: 'Late', detail: 'the publish reached Redis after its deadline' });
  if (reply === -1)
    return E.left({ _tag: 'Untold', detail: 'the log does not reach back to the first try' });
  if (!isTexts(reply) || reply.length !== count) return unexpectedReply(reply, `${count} outcomes`);
  return E.right(reply.map(outcomeOf));
};

const outcomeOf = (text: string): Outcome => {
  const id = text.slice(1);
  return text[0] === 'p'
    ? { _tag: 'Placed', id }
    : text[0] === 'd'
      ? { _tag: 'Duplicate', id }
      : { _tag: 'KeyReused' };
};
