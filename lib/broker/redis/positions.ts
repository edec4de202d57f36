/**
 * The positions of logs, read in one call for all rooms whose position is asked for in one turn of the event
 * loop. Each message of another pod causes such a question (`broker/cluster/log-questions.ts`), and a call
 * costs Node more than it costs Redis. On a Cluster a script has keys of one slot, so there each room has a
 * call of its own. A call for one room uses no script, as a script takes Redis three times as long.
 */
import * as E from 'fp-ts/lib/Either.js';
import { Observable } from 'rxjs';
import type { Clock } from '../../clock.js';
import type { Room, LogPosition } from '../../protocol/position.js';
import type { RedisReply, RedisError } from './port.js';
import { isEpoch } from './lua/log.js';
import { errorOf, listOf, unexpectedReply } from './errors.js';

export interface PositionsDeps {
  readonly clock: Clock;
  readonly sharded: boolean;
  readonly keyOf: (room: Room) => string;
  /** One reply for each key, in order. */
  readonly ask: (keys: readonly string[]) => Promise<unknown>;
  /** `POSITION_FIELDS` of one key. */
  readonly askOne: (key: string) => Promise<unknown>;
}

/** The fields that `topIn` reads, in order; the script reads the same. */
export const POSITION_FIELDS = ['e', 'o', 't', 'i'] as const;

type Reply = E.Either<RedisError, LogPosition | undefined>;

interface Question {
  readonly key: string;
  readonly answer: (reply: Reply) => void;
}

/** Keys of one script: nothing interrupts Redis while it runs a script. */
const MAX_KEYS = 256;

export const positions = ({
  clock,
  sharded,
  keyOf,
  ask,
  askOne,
}: PositionsDeps): ((room: Room) => RedisReply<LogPosition | undefined>) => {
  let questions: Question[] = [];

  const askSome = (some: readonly Question[]): void => {
    const emit = (replyOf: (i: number) => Reply): void => {
      for (const [i, { answer }] of some.entries()) answer(replyOf(i));
    };
    ask(some.map(({ key }) => key)).then(
      (reply) => {
        const replies = listOf(reply);
        emit((i) => topIn(replies[i]));
      },
      (thrown: unknown) => {
        const error = E.left(errorOf(thrown));
        emit(() => error);
      },
    );
  };

  const askAlone = ({ key, answer }: Question): void => {
    askOne(key).then(
      (reply) => answer(topIn(reply)),
      (thrown: unknown) => answer(E.left(errorOf(thrown))),
    );
  };

  const askAll = (): void => {
    const all = questions;
    questions = [];
    if (sharded) return all.forEach(askAlone);
    const [only] = all;
    if (all.length === 1 && only !== undefined) return askAlone(only);
    for (let i = 0; i < all.length; i += MAX_KEYS) askSome(all.slice(i, i + MAX_KEYS));
  };

  return (room) =>
    new Observable((out) => {
      questions.push({
        key: keyOf(room),
        answer: (reply) => {
          out.next(reply);
          out.complete();
        },
      });
      if (questions.length === 1) clock.turn(askAll);
    });
};

const topIn = (reply: unknown): Reply => {
  if (typeof reply === 'string') return E.left({ _tag: 'WrongType', detail: reply });
  const [tag, offset, ms, id] = listOf(reply);
  if (tag === null || !isEpoch(Number(tag))) return E.right(undefined);
  const top = { tag: Number(tag), offset: Number(offset), ms: Number(ms) };
  if (typeof id !== 'string' || !Object.values(top).every(Number.isSafeInteger))
    return unexpectedReply(reply, 'a position');
  return E.right({ ...top, id: id === '' ? null : id });
};
