/**
 * Who may use an endpoint: checks the request as the endpoint's `auth` says, and runs the handler or refuses.
 */
import { type Either, isLeft, left, mapLeft, right } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import { identityOf } from '../auth/credentials.js';
import {
  ADMIN_NEEDED,
  type Auth,
  type Identity,
  mayJoin,
  problemOf,
  roomForbidden,
} from '../auth/index.js';
import type { Room } from '../protocol/position.js';
import type { Problem } from '../protocol/problem.js';
import { type Endpoint, type Exchange, isRoom, NO_ROOM } from './endpoint.js';

export const authorized = (access: Auth, endpoint: Endpoint): ((exchange: Exchange) => unknown) => {
  const whoIs = async ({ request }: Exchange): Promise<Either<Problem, Identity>> =>
    mapLeft(problemOf)(await firstValueFrom(identityOf(access, request.raw)));

  const operatorOf = async (exchange: Exchange): Promise<Either<Problem, Identity>> => {
    const who = await whoIs(exchange);
    return isLeft(who) || who.right.rights.admin ? who : left(ADMIN_NEEDED);
  };

  const roomOf = async (exchange: Exchange): Promise<Either<Problem, Room>> => {
    const who = await whoIs(exchange);
    if (isLeft(who)) return who;
    const { room } = exchange.params;
    if (!isRoom(room)) return left(NO_ROOM);
    return mayJoin(who.right.rights, room) ? right(room) : left(roomForbidden(room));
  };

  const behind =
    <A>(
      judge: (exchange: Exchange) => Promise<Either<Problem, A>>,
      handler: (exchange: Exchange, value: A) => unknown,
    ) =>
    async (exchange: Exchange): Promise<unknown> => {
      const judged = await judge(exchange);
      return isLeft(judged) ? exchange.refuse(judged.left) : handler(exchange, judged.right);
    };

  switch (endpoint.auth) {
    case 'none':
      return endpoint.handler;
    case 'token':
      return behind(whoIs, endpoint.handler);
    case 'operator':
      return behind(operatorOf, endpoint.handler);
    case 'room':
      return behind(roomOf, endpoint.handler);
  }
};
