/** Why `publish` of an app rejects: an error with a `code` for programs. */
import type { PublishError } from './broker/index.js';
import { HOOK_FAILED, type HookFault } from './hook-verdict.js';
import type { Ended } from './program-publish.js';

/**
 * - `not_started`, `ended`: the app does not run.
 * - `key_reused`: the key was used for other data within 5 minutes. Use a new key.
 * - `unavailable`: the broker or the archive did not take the message. Mostly too many messages wait for
 *   Redis, or PostgreSQL does not answer. With an archive, members may have the message. Publish again later,
 *   with the same `key`.
 * - `rejected`: the hook `onMessage` refused the message; `message` is its text.
 * - `hook_failed`: the hook `onMessage` threw, did not answer within 1 s, or gave an invalid answer. `cause`
 *   is what the hook threw, or an error of this service that says what was wrong.
 */
export type NotPublishedCode =
  | 'not_started'
  | 'ended'
  | 'key_reused'
  | 'unavailable'
  | 'rejected'
  | 'hook_failed';

/**
 * The error for a message that was not accepted. With the code `ended` it may have been sent, when the app
 * ended before the broker answered. With `unavailable` it may have been sent too, when there is an archive.
 * When the message itself is invalid, `publish` rejects with a `TypeError` instead.
 */
export class NotPublished extends Error {
  override readonly name = 'NotPublished';

  constructor(
    readonly code: NotPublishedCode,
    text: string,
    options?: ErrorOptions,
  ) {
    super(text, options);
  }
}

export const ENDED = 'the app has ended: make a new one with app()';

/** The error for what the broker or the hook answered. */
export const notPublished = (error: PublishError | HookFault | Ended): NotPublished => {
  switch (error._tag) {
    case 'Ended':
      return new NotPublished('ended', ENDED);
    case 'KeyReused':
      return new NotPublished('key_reused', 'key: already used for other data; use a new key');
    case 'Unavailable':
      return new NotPublished('unavailable', error.detail);
    case 'Rejected':
      return new NotPublished('rejected', error.text);
    case 'Failed':
      return new NotPublished('hook_failed', HOOK_FAILED[error.how], { cause: error.error });
  }
};
