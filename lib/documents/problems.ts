/** The problems (RFC 9457) of each operation: those that follow from its row, and its own. */
import * as t from 'io-ts';
import { problem } from '../protocol/problem.js';
import { component, described, maybe } from './json-schema.js';
import type { Answer, DocumentedRoute } from './operation.js';
import { MessageId } from './values.js';

export const Problem = component(
  'Problem',
  t.intersection([
    t.type({
      status: described(t.number, { type: 'integer', minimum: 400, maximum: 599 }),
      title: t.string,
      detail: described(t.string, {
        description: 'What is wrong, and how to put it right. For people; it may change.',
      }),
    }),
    t.partial({
      ids: maybe(
        described(t.array(t.union([MessageId, t.null])), {
          description:
            'Of a list of messages: the id of each one that was accepted, null for the others. Absent: ' +
            'nothing of the list was sent. After a 500 this is not known.',
        }),
      ),
    }),
  ]),
  { description: 'RFC 9457.' },
);

export const PROBLEM_TYPE = 'application/problem+json';

const RETRY = { 'Retry-After': 'Seconds to wait before the next try.' };

const TEXTS: Readonly<Record<number, Answer>> = {
  400: { description: 'The request is not valid. `detail` names the part and the fix.' },
  401: {
    description: 'No token, or a token that is not valid.',
    headers: { 'WWW-Authenticate': '`Bearer`.' },
  },
  403: { description: 'The token does not give the right.' },
  408: { description: 'The body did not come in time.' },
  413: { description: 'The body, or a message in it, is too large.' },
  415: { description: 'The body is not `application/json` in UTF-8 without a content encoding.' },
  503: { description: 'Not possible now. Send the request again later.', headers: RETRY },
};

/** The statuses from 400 on of a row, each with its description. `isSecured`: the service asks for tokens. */
export const problemsOf = (
  route: DocumentedRoute,
  isSecured: boolean,
): Readonly<Record<string, Answer>> => {
  const { operation, path, parameters, auth } = route;
  const statuses = new Set([
    // an endpoint with a list of parameters, even an empty one, refuses all others; a name in the path may be
    // invalid
    ...(parameters !== undefined || /[:*]/.test(path) ? [400] : []),
    // two different tokens are 400
    ...(isSecured && auth !== 'none' ? [400, 401, 503] : []),
    ...(isSecured && (auth === 'operator' || auth === 'room') ? [403] : []),
    ...(operation?.body === undefined ? [] : [400, 408, 413, 415, 503]),
    ...(route.refusedWhileDraining === true ? [503] : []),
  ]);
  const own = Object.entries(operation?.answers ?? {}).filter(([status]) => Number(status) >= 400);
  return Object.fromEntries([
    ...[...statuses].map((status) => [status, TEXTS[status] ?? titled(status)] as const),
    ...own.map(([status, answer]) => [status, { ...TEXTS[Number(status)], ...answer }] as const),
  ]);
};

const titled = (status: number): Answer => ({ description: problem(status, '').title });
