/** What operators and programs do over HTTP: publish, and disconnect a connection or a user on all pods. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import { type Disconnect, isTargetId, TARGET_RULES } from '../broker/control-command.js';
import type { Broker } from '../broker/index.js';
import { problem } from '../protocol/problem.js';
import { AGAIN, type Endpoint, type Exchange } from './endpoint.js';
import { DISCONNECT_CONNECTION, DISCONNECT_USER, PUBLISH } from './operator-operations.js';
import type { PublishHandler } from './publish.js';
import { requestBodies, unreadable } from './request-body.js';

export interface OperatorEndpointsDeps {
  readonly basePath: string;
  readonly publishing: PublishHandler;
  readonly sendControl: Broker['sendControl'];
}

export const operatorEndpoints = ({
  basePath,
  publishing,
  sendControl,
}: OperatorEndpointsDeps): readonly Endpoint[] => {
  const { read } = requestBodies();

  const disconnect =
    (whom: Disconnect['whom']) =>
    async ({ params: { id }, reply, refuse }: Exchange) => {
      if (typeof id !== 'string' || !isTargetId(whom, id))
        return refuse(problem(400, `${whom}: send ${TARGET_RULES[whom]}`));
      const sent = await firstValueFrom(sendControl({ _tag: 'Disconnect', whom, id }));
      return isLeft(sent) ? refuse(UNTOLD) : reply.code(202).send({ status: 'accepted' });
    };

  return [
    {
      method: 'POST',
      path: `${basePath}/messages`,
      parameters: [],
      refusedWhileDraining: true,
      auth: 'operator',
      operation: PUBLISH,
      handler: async ({ request, reply, refuse }, who) => {
        const wrong = unreadable(request.raw);
        if (wrong !== undefined) return refuse(wrong);
        const done = await read(request.raw, reply.raw, (body) =>
          publishing(body, who, request.headers),
        );
        if (isLeft(done)) return done.left === undefined ? reply.hijack() : refuse(done.left);
        if (isLeft(done.right)) {
          const { problem: why, ids } = done.right.left;
          return refuse(why, ids === undefined ? {} : { ids });
        }
        return reply.code(202).send(done.right.right);
      },
    },
    {
      method: 'DELETE',
      path: `${basePath}/connections/:id`,
      parameters: [],
      auth: 'operator',
      operation: DISCONNECT_CONNECTION,
      handler: disconnect('connection'),
    },
    {
      method: 'DELETE',
      path: `${basePath}/users/:id/connections`,
      parameters: [],
      auth: 'operator',
      operation: DISCONNECT_USER,
      handler: disconnect('user'),
    },
  ];
};

const UNTOLD = problem(
  503,
  'the other pods could not be reached, so only connections of this pod were closed; send the request again',
  AGAIN,
);
