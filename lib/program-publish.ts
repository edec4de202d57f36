/** Publishes of the embedding program. */
import { type Either, left } from 'fp-ts/lib/Either.js';
import { firstValueFrom, type Observable, takeUntil } from 'rxjs';
import type { PublishError, Receipt } from './broker/index.js';
import type { HookFault } from './hook-verdict.js';
import type { ModeratedPublish } from './moderated-publish.js';
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

export const programPublish =
  (publish: ModeratedPublish, ended$: Observable<unknown>): ProgramPublish =>
  (draft, fields) =>
    firstValueFrom(publish(draft, fields).pipe(takeUntil(ended$)), {
      defaultValue: left({ _tag: 'Ended' }),
    });
