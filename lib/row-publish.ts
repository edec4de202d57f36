/** Publishes rows of the SQL outbox, and says what an answer means for a row. */
import { isRight } from 'fp-ts/lib/Either.js';
import { map } from 'rxjs';
import type { Outcome, PublishRow } from './broker/sql-outbox/publish-rows.js';
import type { ModeratedPublish, ModeratedResult } from './moderated-publish.js';

export const rowPublish =
  (publish: ModeratedPublish): PublishRow =>
  ({ draft, fields }) =>
    publish(draft, fields).pipe(map(outcomeOf));

const outcomeOf = (result: ModeratedResult): Outcome => {
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
