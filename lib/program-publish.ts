/**
 * Publishes of the embedding program, and of `chat_publish`: draft → hook → broker. Messages of sockets pass
 * a room; these need no room on this pod.
 */
import { type Either, isLeft, isRight, left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom, map, type Observable, of, switchMap, takeUntil } from 'rxjs';
import type { Broker, PublishError, Receipt } from './broker/index.js';
import type { Outcome, PublishRow } from './broker/sql-outbox/publish-rows.js';
import type { Moderate } from './hook-moderation.js';
import type { HookFault } from './hook-verdict.js';
import type { Draft, DraftFields } from './protocol/publication.js';

export interface Ended {
  readonly _tag: 'Ended';
}

/** Undefined when a hook dropped the message. */
type Result = Either<PublishError | HookFault, Receipt | undefined>;

/**
 * Publishes a draft that was made of `fields`. Undefined when a hook dropped it. `Left` also when the service
 * has ended before the answer.
 */
export type ProgramPublish = (
  draft: Draft,
  fields: DraftFields,
) => Promise<Either<PublishError | HookFault | Ended, Receipt | undefined>>;

/** Accepted, and dropped by a hook. */
const DROPPED = right(undefined);

const moderatedPublish =
  (broker: Pick<Broker, 'publish'>, moderate: Moderate) =>
  (draft: Draft, fields: DraftFields): Observable<Result> =>
    moderate(draft, fields, { via: 'program', from: fields.from }).pipe(
      switchMap((judged): Observable<Result> => {
        if (isLeft(judged)) return of(judged);
        return judged.right === undefined ? of(DROPPED) : broker.publish(judged.right);
      }),
    );

export const programPublish = (
  broker: Pick<Broker, 'publish'>,
  moderate: Moderate,
  ended$: Observable<unknown>,
): ProgramPublish => {
  const publish = moderatedPublish(broker, moderate);
  return (draft, fields) =>
    firstValueFrom(publish(draft, fields).pipe(takeUntil(ended$)), {
      defaultValue: left({ _tag: 'Ended' }),
    });
};

/** Publishes messages of `chat_publish`. */
export const sqlPublish = (broker: Pick<Broker, 'publish'>, moderate: Moderate): PublishRow => {
  const publish = moderatedPublish(broker, moderate);
  return ({ draft, fields }) => publish(draft, fields).pipe(map(outcomeOf));
};

const outcomeOf = (result: Result): Outcome => {
  if (isRight(result)) return { _tag: 'Published' };
  const error = result.left;
  switch (error._tag) {
    case 'KeyReused':
      // the key is of this row alone: an earlier try was published, with what a hook made of it then
      return { _tag: 'Published' };
    case 'Rejected':
      return { _tag: 'Rejected', reason: error.text };
    case 'Unavailable':
      return { _tag: 'Refused', detail: error.detail };
    case 'Failed':
      return { _tag: 'Refused', detail: 'the hook onMessage failed' };
  }
};
