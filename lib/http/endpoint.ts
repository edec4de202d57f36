/**
 * One endpoint as data: method, path, who may use it, and its handler. `auth` decides what the handler gets:
 *
 *   none             ─► the request alone
 *   token, operator  ─► the request and the identity
 *   room             ─► the request and the room of the path, which the identity may join
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Identity } from '../auth/index.js';
import type { Operation } from '../documents/operation.js';
import type { Problem } from '../protocol/problem.js';
import { isRoomName, type Room, ROOM_RULE } from '../protocol/position.js';
import { problem } from '../protocol/problem.js';
import type { Query } from './history-query.js';

/** A request with its parameters, and the two ways to answer it (`reply`, `refuse`). */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: Query;
  readonly params: Query;
  readonly refuse: (problem: Problem, more?: Readonly<Record<string, unknown>>) => FastifyReply;
}

interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** In the router's form: `:name` is one segment, `*` the rest. */
  readonly path: string;
  /** The query parameters that are allowed. Absent: any, as for monitors and handshakes. */
  readonly parameters?: readonly string[];
  /** Whether a draining pod refuses the requests, before it checks the token. */
  readonly refusedWhileDraining?: true;
  /** What `/openapi.json` has beside the row itself. Undefined: a file of a page, which it does not list. */
  readonly operation: Operation | undefined;
}

export type Endpoint = Route &
  (
    | { readonly auth: 'none'; readonly handler: (exchange: Exchange) => unknown }
    | {
        readonly auth: 'token' | 'operator';
        readonly handler: (exchange: Exchange, who: Identity) => unknown;
      }
    | { readonly auth: 'room'; readonly handler: (exchange: Exchange, room: Room) => unknown }
  );

export const isRoom = (room: Query[string]): room is string =>
  typeof room === 'string' && isRoomName(room);

export const NO_ROOM = problem(400, `room: a name has ${ROOM_RULE}`);

/** For a request that may be sent again after a second. */
export const AGAIN = { 'Retry-After': '1' };
