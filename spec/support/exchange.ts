/** A request to an endpoint and its answer, without a server. */
import type { Endpoint, Exchange } from '../../lib/http/endpoint.js';
import type { Problem } from '../../lib/protocol/problem.js';
import { type RequestParts, requestOf } from './requests.js';

export interface Answered {
  status: number;
  type: string | undefined;
  body: unknown;
  /** The headers of a refusal, or those that the handler sets. */
  headers: Readonly<Record<string, string>> | undefined;
  hijacked: boolean;
}

export interface PlayedExchange {
  readonly exchange: Exchange;
  readonly answered: Answered;
}

export const exchangeOf = (
  parts: Partial<Pick<Exchange, 'query' | 'params'>> &
    RequestParts & { readonly raw?: object; readonly body?: string } = {},
): PlayedExchange => {
  const answered: Answered = {
    status: 200,
    type: undefined,
    body: undefined,
    headers: undefined,
    hijacked: false,
  };
  const reply = {
    raw: parts.raw ?? {},
    code: (status: number) => {
      answered.status = status;
      return reply;
    },
    headers: (headers: Readonly<Record<string, string>>) => {
      answered.headers = headers;
      return reply;
    },
    type: (type: string) => {
      answered.type = type;
      return reply;
    },
    header: () => reply,
    send: (body: unknown) => {
      answered.body = body;
      return reply;
    },
    hijack: () => {
      answered.hijacked = true;
      return reply;
    },
  };
  const refuse = (why: Problem, more: Readonly<Record<string, unknown>> = {}): unknown => {
    answered.status = why.status;
    answered.headers = why.headers;
    answered.body = { detail: why.detail, ...more };
    return reply;
  };
  const raw = requestOf('/', parts);
  if (parts.body !== undefined) raw.push(parts.body);
  raw.push(null);
  const { query = {}, params = {} } = parts;
  return {
    exchange: { request: { raw }, reply, query, params, refuse } as unknown as Exchange,
    answered,
  };
};

/** The endpoint with this method and path. */
export const endpointAt = (endpoints: readonly Endpoint[], name: string): Endpoint => {
  const found = endpoints.find(({ method, path }) => `${method} ${path}` === name);
  if (found === undefined) throw new Error(`expected an endpoint ${name}`);
  return found;
};

/** Calls the handler; `given` is the result of `auth`. A returned object is the body. */
export const handled = async (
  endpoint: Endpoint,
  { exchange, answered }: PlayedExchange,
  given?: unknown,
): Promise<Answered> => {
  const handler = endpoint.handler as (exchange: Exchange, given?: unknown) => unknown;
  const returned = await handler(exchange, given);
  if (returned !== exchange.reply) answered.body = returned;
  return answered;
};
