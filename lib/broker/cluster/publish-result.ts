/** The answers of a publish. */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import type { PublishError, Receipt } from '../index.js';
import type { Outcome } from '../redis/port.js';

export type PublishResult = Either<PublishError, Receipt>;

export const CLOSED: PublishResult = left({
  _tag: 'Unavailable',
  detail: 'the server is shutting down; send the message again, another pod takes it',
});
export const FULL: PublishResult = left({
  _tag: 'Unavailable',
  detail: 'too many messages wait for the broker: send this one again later',
});

/** A message that waits for all pods. Its call may have run: the same key then shows it. */
export const UNREACHED: PublishResult = left({
  _tag: 'Unavailable',
  detail: 'the broker did not take the message in time; send it again with the same id or key',
});

/** A message that reached the members on this pod only. */
export const onPod = (id: string): PublishResult => right({ id, duplicate: false, scope: 'pod' });

/** What the script answered for a message. */
export const resultOf = (outcome: Outcome | undefined): PublishResult => {
  switch (outcome?._tag) {
    case 'Placed':
      return right({ id: outcome.id, duplicate: false, scope: 'cluster' });
    case 'Duplicate':
      return right({ id: outcome.id, duplicate: true, scope: 'cluster' });
    case 'KeyReused':
      return left({ _tag: 'KeyReused' });
    case undefined:
      return left({
        _tag: 'Unavailable',
        detail: 'the broker gave no answer for this message; send it again with the same id or key',
      });
  }
};

/** The id that the script gave, if it gave one. */
export const placedId = (outcome: Outcome): readonly string[] =>
  outcome._tag === 'Placed' ? [outcome.id] : [];
