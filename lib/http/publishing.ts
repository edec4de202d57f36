/**
 * Messages from outside a socket: `POST …/messages` (contract section 2). A list is judged as a whole before the first of it is
 * sent; then all are handed to the broker in one go, and it keeps each room's in order. There is no rate: who may do
 * this is trusted, and what is under way is bounded by its bodies.
 */
import * as E from 'fp-ts/lib/Either.js';
import { defaultIfEmpty, firstValueFrom, forkJoin } from 'rxjs';
import { type Identity, mayPublish } from '../access/index.js';
import type { Broker, PublishError, Receipt } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import {
  decodePosts,
  type Draft,
  draftOf,
  keyOf,
  placeOf,
  type Post,
  programKeyOf,
} from '../codec.js';
import type { HubEvent } from '../events.js';
import { type Problem, problem } from '../problem.js';

export type Accepted =
  /** `duplicate`: the key was seen before, and `id` is the first one's. */
  | { readonly id: string; readonly duplicate?: true; readonly scope?: 'pod' }
  | { readonly ids: readonly string[]; readonly scope?: 'pod' };

/** `ids`, of a list: which of its messages were sent before the fault showed; null stands for the others. */
export interface Refused {
  readonly problem: Problem;
  readonly ids?: readonly (string | null)[];
}

export interface PublishingDeps {
  readonly broker: Pick<Broker, 'publish'>;
  readonly clock: Clock;
  readonly limits: Pick<Config['limits'], 'maxMessageBytes'>;
  readonly tell: (event: HubEvent) => void;
}

/** Sends what a body says, on behalf of somebody who may publish over HTTP. */
export type Publishing = (body: Buffer, by: Identity) => Promise<E.Either<Refused, Accepted>>;

/** The `from` of whoever is no user. */
const API = 'api';

export const publishing = ({ broker, clock, limits, tell }: PublishingDeps): Publishing => {
  const send = (drafts: readonly Draft[]): Promise<readonly Result[]> =>
    firstValueFrom(
      forkJoin(
        drafts.map((draft) => broker.publish(draft).pipe(defaultIfEmpty<Result, Result>(ENDED))),
      ).pipe(defaultIfEmpty<readonly Result[], readonly Result[]>([])),
    );

  return async (body, by) => {
    const decoded = decodePosts(body, limits.maxMessageBytes);
    if (E.isLeft(decoded)) {
      const { _tag, text } = decoded.left;
      return E.left({ problem: problem(_tag === 'TooLarge' ? 413 : 400, text) });
    }
    const { posts, isList } = decoded.right;
    const drafts = draftsOf(posts, isList, by, clock.wall());
    if (E.isLeft(drafts)) return E.left({ problem: drafts.left });
    const results = await send(drafts.right);
    const taken = results.filter(E.isRight).length;
    if (taken > 0) tell({ _tag: 'Received', messages: taken });
    return answerOf(results, isList);
  };
};

// judging

const draftsOf = (
  posts: readonly Post[],
  isList: boolean,
  { userId, rights }: Identity,
  at: number,
): E.Either<Problem, readonly Draft[]> => {
  const drafts: Draft[] = [];
  const keyed = new Map<string, Draft>();
  for (const [i, { room, type, data, ref }] of posts.entries()) {
    const place = placeOf(isList, i);
    // `GLOBAL_PUBLISH` is about clients: whoever may post may say to all what its token does not forbid
    if (!mayPublish(rights, room))
      return E.left(
        problem(403, `${place}room: expected one that the token allows, got another one`),
      );
    const key = userId === null ? programKeyOf(ref) : keyOf(userId, ref);
    const draft = draftOf({ room, type, from: userId ?? API, data, at, key });
    if (E.isLeft(draft)) return E.left(problem(400, place + draft.left.text));
    const name = key === undefined ? undefined : `${room} ${key}`;
    const before = name === undefined ? undefined : keyed.get(name);
    if (before !== undefined && before.digest !== draft.right.digest) return E.left(reused(place));
    if (name !== undefined) keyed.set(name, draft.right);
    drafts.push(draft.right);
  }
  return E.right(drafts);
};

// answering

type Result = E.Either<PublishError, Receipt>;

const ENDED: Result = E.left({ _tag: 'Unavailable', detail: 'the pod has ended' });

const answerOf = (results: readonly Result[], isList: boolean): E.Either<Refused, Accepted> => {
  const ids: string[] = [];
  let isDuplicate = false;
  let isPodOnly = false;
  for (const result of results) {
    if (E.isLeft(result)) continue;
    ids.push(result.right.id);
    if (result.right.scope === 'pod') isPodOnly = true;
    if (result.right.duplicate) isDuplicate = true;
  }
  if (ids.length < results.length) return E.left(refusedOf(results, isList));
  const scope = isPodOnly ? { scope: 'pod' as const } : {};
  const [id = ''] = ids;
  const duplicate = isDuplicate ? { duplicate: true as const } : {};
  return E.right(isList ? { ids, ...scope } : { id, ...duplicate, ...scope });
};

/** What was not taken for want of a broker may be sent again, so that is said rather than the other. */
const refusedOf = (results: readonly Result[], isList: boolean): Refused => {
  const isMissing = results.some(
    (result) => E.isLeft(result) && result.left._tag === 'Unavailable',
  );
  const at = results.findIndex(E.isLeft);
  return {
    problem: isMissing ? UNAVAILABLE : reused(placeOf(isList, at)),
    ...(isList
      ? { ids: results.map((result) => (E.isLeft(result) ? null : result.right.id)) }
      : {}),
  };
};

const reused = (place: string): Problem =>
  problem(409, `${place}id: expected a new one for other data, got one that was used`);

const UNAVAILABLE = problem(503, 'expected a broker that takes the message, got none', {
  'Retry-After': '1',
});
