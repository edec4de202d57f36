/**
 * Publishes of programs: draft → hook → broker. Messages of sockets pass a room; these need no room on this
 * pod.
 */
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js';
import { type Observable, of, switchMap } from 'rxjs';
import type { Broker, PublishError, Receipt } from './broker/index.js';
import type { Moderate } from './hook-moderation.js';
import type { HookFault } from './hook-verdict.js';
import type { Draft, DraftFields } from './protocol/publication.js';

/** Undefined when a hook dropped the message. */
export type ModeratedResult = Either<PublishError | HookFault, Receipt | undefined>;

/** Publishes a draft that was made of `fields`. Emits once. */
export type ModeratedPublish = (draft: Draft, fields: DraftFields) => Observable<ModeratedResult>;

/** Accepted, and dropped by a hook. */
const DROPPED = right(undefined);

export const moderatedPublish =
  (broker: Pick<Broker, 'publish'>, moderate: Moderate): ModeratedPublish =>
  (draft, fields) =>
    moderate(draft, fields, { via: 'program', from: fields.from }).pipe(
      switchMap((judged): Observable<ModeratedResult> => {
        if (isLeft(judged)) return of(judged);
        return judged.right === undefined ? of(DROPPED) : broker.publish(judged.right);
      }),
    );
