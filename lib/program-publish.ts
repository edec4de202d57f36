/**
 * Publishes of the embedding program: draft → hook → broker. Messages of sockets pass a room; messages of the
 * program need no room on this pod.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom, type Observable, of, switchMap, takeUntil } from 'rxjs';
import type { Broker, PublishError, Receipt } from './broker/index.js';
import type { Moderate } from './hook-moderation.js';
import type { HookFault } from './hook-verdict.js';
import type { Draft, DraftFields } from './protocol/publication.js';

export interface Ended {
  readonly _tag: 'Ended';
}

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

export const programPublish =
  (
    broker: Pick<Broker, 'publish'>,
    moderate: Moderate,
    ended$: Observable<unknown>,
  ): ProgramPublish =>
  (draft, fields) =>
    firstValueFrom(
      moderate(draft, fields, { via: 'program', from: fields.from }).pipe(
        switchMap((judged): Observable<Either<PublishError | HookFault, Receipt | undefined>> => {
          if (isLeft(judged)) return of(judged);
          return judged.right === undefined ? of(DROPPED) : broker.publish(judged.right);
        }),
        takeUntil(ended$),
      ),
      { defaultValue: left({ _tag: 'Ended' }) },
    );
