/**
 * Messages over HTTP: `POST …/messages` (docs/protocol.md, section 15.3). All messages of a list are checked
 * before the first one is sent. Then all messages go to the broker at once, and the broker keeps the order in
 * each room. There is no rate limit: a sender needs an API key, or a token with the scope `admin`, where the
 * service requires tokens. The bodies of open requests are bounded.
 */
import type { IncomingHttpHeaders } from 'node:http';
import * as E from 'fp-ts/lib/Either.js';
import { defaultIfEmpty, firstValueFrom, forkJoin, type Observable, of } from 'rxjs';
import { type Identity, mayPublish } from '../auth/index.js';
import type { Broker, PublishError, Receipt } from '../broker/index.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import {
  decodePublishRequests,
  pointerOf,
  type PublishRequest,
} from '../protocol/publish-request.js';
import { type Draft, type DraftFields, draftOf } from '../protocol/publication.js';
import { apiKey, clientKey, keyField } from '../protocol/idempotency-key.js';
import type { HubEvent } from '../hub-event.js';
import { HOOK_FAILED, type HookFault } from '../hook-verdict.js';
import { type HttpSender } from '../hooks.js';
import type { Moderate, Moderated } from '../hook-moderation.js';
import { GLOBAL, type Room } from '../protocol/position.js';
import { type Problem, problem } from '../protocol/problem.js';

/** An id is null when a hook dropped the message. */
export type Accepted =
  /** `duplicate`: the key was used before, and `id` is the id of the first message. */
  | { readonly id: string | null; readonly duplicate?: true; readonly scope?: 'pod' }
  | { readonly ids: readonly (string | null)[]; readonly scope?: 'pod' };

/**
 * `ids`, for a list: the id of each message that was accepted. It is null for one that was refused, and for
 * one that a hook dropped.
 */
export interface Refused {
  readonly problem: Problem;
  readonly ids?: readonly (string | null)[];
}

export interface PublishHandlerDeps {
  readonly broker: Pick<Broker, 'publish'>;
  readonly clock: Clock;
  readonly limits: Pick<Config['limits'], 'maxMessageBytes'>;
  readonly moderate: Moderate;
  readonly emit: (event: HubEvent) => void;
}

/** Sends the messages of a body for a sender who may publish over HTTP. */
export type Publishing = (body: Buffer, by: Identity) => Promise<E.Either<Refused, Accepted>>;

/** `Publishing` of a request with these headers. */
export type PublishHandler = (
  body: Buffer,
  by: Identity,
  headers: IncomingHttpHeaders,
) => ReturnType<Publishing>;

/** The `from` of a sender without a user id. */
const API = 'api';

export const publishHandler = ({
  broker,
  clock,
  limits,
  moderate,
  emit,
}: PublishHandlerDeps): Publishing => {
  const all = <A>(each: readonly Observable<A>[]): Promise<readonly A[]> =>
    firstValueFrom(forkJoin(each).pipe(defaultIfEmpty<readonly A[], readonly A[]>([])));

  const send = (drafts: readonly (Draft | undefined)[]): Promise<readonly Result[]> =>
    all(
      drafts.map((draft) =>
        draft === undefined
          ? of(DROPPED)
          : broker.publish(draft).pipe(defaultIfEmpty<Result, Result>(ENDED)),
      ),
    );

  /**
   * The hook is called in the order of the list, and its answers are awaited together: a list has up to a
   * hundred messages, and each answer may take a second.
   */
  const judge = (drafts: readonly Drafted[], from: HttpSender): Promise<readonly Moderated[]> =>
    all(drafts.map(({ draft, fields }) => moderate(draft, fields, from)));

  return async (body, by) => {
    const decoded = decodePublishRequests(body, limits.maxMessageBytes);
    if (E.isLeft(decoded)) {
      const { _tag, text } = decoded.left;
      return E.left({ problem: problem(_tag === 'TooLarge' ? 413 : 400, text) });
    }
    const { posts, isList } = decoded.right;
    const drafts = draftsOf(posts, isList, by, clock.wall());
    if (E.isLeft(drafts)) return E.left({ problem: drafts.left });
    const judged = await judge(drafts.right, { via: 'http', userId: by.userId });
    for (const [i, each] of judged.entries())
      if (E.isLeft(each)) return E.left({ problem: refusedBy(each.left, pointerOf(isList, i)) });
    const results = await send(judged.map((each) => (E.isRight(each) ? each.right : undefined)));
    const taken = results.filter((result) => E.isRight(result) && result !== DROPPED).length;
    if (taken > 0) emit({ _tag: 'Received', messages: taken });
    return answerOf(results, isList);
  };
};

// judging

interface Drafted {
  readonly draft: Draft;
  /** The fields that the draft was made of. */
  readonly fields: DraftFields;
}

const draftsOf = (
  posts: readonly PublishRequest[],
  isList: boolean,
  { userId, rights }: Identity,
  at: number,
): E.Either<Problem, readonly Drafted[]> => {
  const drafts: Drafted[] = [];
  const keyed = new Map<string, Draft>();
  for (const [i, { room, type, data, ref }] of posts.entries()) {
    const pointer = pointerOf(isList, i);
    // `GLOBAL_PUBLISH` applies to clients only: a program may publish to everyone unless its token forbids it
    if (!mayPublish(rights, room))
      return E.left(problem(403, pointer + (room === GLOBAL ? NOT_TO_ALL : notTo(room))));
    const key = userId === null ? apiKey(ref) : clientKey(userId, ref);
    const fields: DraftFields = { room, type, from: userId ?? API, data, at, key };
    const draft = draftOf(fields);
    if (E.isLeft(draft)) return E.left(problem(400, pointer + draft.left.text));
    const name = key === undefined ? undefined : `${room} ${keyField(key)}`;
    const before = name === undefined ? undefined : keyed.get(name);
    if (before !== undefined && before.digest !== draft.right.digest)
      return E.left(problem(409, `${pointer}${TWICE}`));
    if (name !== undefined) keyed.set(name, draft.right);
    drafts.push({ draft: draft.right, fields });
  }
  return E.right(drafts);
};

const notTo = (room: Room): string =>
  `room: the token does not allow to publish in the room ${room}; send a token whose claim rooms.publish allows it`;
const NOT_TO_ALL =
  'room: the token does not allow to publish to everybody; send a token whose claim rooms.global is true';

// answering

type Result = E.Either<PublishError, Omit<Receipt, 'id'> & { readonly id: string | null }>;

/** The result of a message that a hook dropped: the request is accepted all the same. */
const DROPPED: Result = E.right({ id: null, duplicate: false, scope: 'cluster' });

const ENDED: Result = E.left({ _tag: 'Unavailable', detail: 'the pod has ended' });

const answerOf = (results: readonly Result[], isList: boolean): E.Either<Refused, Accepted> => {
  const ids: (string | null)[] = [];
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
  const [id = null] = ids;
  const duplicate = isDuplicate ? { duplicate: true as const } : {};
  return E.right(isList ? { ids, ...scope } : { id, ...duplicate, ...scope });
};

/**
 * A message that the broker or the archive did not take may be sent again. So 503 takes precedence over 409.
 */
const refusedOf = (results: readonly Result[], isList: boolean): Refused => {
  const isMissing = results.some(
    (result) => E.isLeft(result) && result.left._tag === 'Unavailable',
  );
  const at = results.findIndex(E.isLeft);
  return {
    problem: isMissing ? UNAVAILABLE : reused(pointerOf(isList, at)),
    ...(isList
      ? { ids: results.map((result) => (E.isLeft(result) ? null : result.right.id)) }
      : {}),
  };
};

/** 422: the request is valid, but a hook rejects the message. */
const refusedBy = (fault: HookFault, pointer: string): Problem =>
  fault._tag === 'Rejected'
    ? problem(422, `${pointer.replace(/\.$/, ': ')}${fault.text}`)
    : problem(503, HOOK_FAILED[fault.how], { 'Retry-After': '1' });

const reused = (pointer: string): Problem =>
  problem(409, `${pointer}id: already used for a different message; use a new id`);

const TWICE = 'id: used twice in this list for different messages; nothing was sent';

const UNAVAILABLE = problem(
  503,
  'the message was not accepted, but members may have it; send it again with the same id',
  {
    'Retry-After': '1',
  },
);
