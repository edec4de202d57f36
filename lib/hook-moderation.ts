/**
 * Messages of programs and HTTP pass the application's hook before any member gets them, like messages of
 * clients (`connection/publishing.ts`). Only chats are passed to it. Clients cannot
 * send `notification` and `system`: these come from programs only.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js';
import { map, type Observable, of } from 'rxjs';
import type { Clock } from './clock.js';
import { hookDraftOf, type Draft, type DraftFields } from './protocol/publication.js';
import type { HubEvent } from './hub-event.js';
import { type Failed, type HookFault, unusable, verdictOf } from './hook-verdict.js';
import { type Hooks, type Sender } from './hooks.js';

/** The draft to send; undefined when a hook dropped it. `Left`: why it is not sent. */
export type Moderated = Either<HookFault, Draft | undefined>;

/** `fields`: what the draft was made of. Emits once. */
export type Moderate = (draft: Draft, fields: DraftFields, from: Sender) => Observable<Moderated>;

export interface HookModerationDeps {
  readonly hooks: Hooks;
  readonly clock: Clock;
  readonly emit: (event: HubEvent) => void;
}

export const hookModeration = ({
  hooks: { onMessage },
  clock,
  emit,
}: HookModerationDeps): Moderate => {
  const failed = (fault: Failed): Moderated => {
    emit({ _tag: 'HookFailed', hook: 'onMessage', error: fault.error });
    return left(fault);
  };
  return (draft, fields, from) => {
    const { type, room, data } = fields;
    if (onMessage === undefined || type !== 'chat') return of(right(draft));
    return verdictOf(onMessage, { type, room, data }, from, clock).pipe(
      map((verdict): Moderated => {
        switch (verdict._tag) {
          case 'Dropped':
            return right(undefined);
          case 'Rejected':
            return left(verdict);
          case 'Failed':
            return failed(verdict);
          case 'Passed': {
            const changed = hookDraftOf({ ...fields, ...verdict.message });
            return isLeft(changed) ? failed(unusable(new TypeError(changed.left.text))) : changed;
          }
        }
      }),
    );
  };
};
