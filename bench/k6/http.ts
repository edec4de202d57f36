/** The module `k6/http`: requests with a text as body, on a connection that each user keeps. */
import { Agent, type IncomingHttpHeaders, request as send } from 'node:http';
import type { Tags } from './metrics.js';
import { Interrupted, type User } from './user.js';

interface Params {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tags?: Tags;
  /** ms */
  readonly timeout?: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly error: string;
}

const TIMEOUT_MS = 60_000;

/** k6 writes `Content-Type`, Node `content-type`. */
const canonical = (headers: IncomingHttpHeaders): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      String(value),
    ]),
  );

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;

export const httpModule = (user: User): Readonly<Record<string, unknown>> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 6 });
  const { metrics, signal } = user;

  const ask = (method: string, url: string, body: string | undefined, params: Params) =>
    new Promise<Answer>((resolve) => {
      const { headers = {}, timeout = TIMEOUT_MS } = params;
      const failed = ({ message }: Error): void =>
        resolve({ status: 0, headers: {}, body: '', error: message });
      const sent = send(url, { method, headers, agent, timeout, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
            error: '',
          }),
        );
      });
      sent.on('error', failed).on('timeout', () => sent.destroy(new Error('timeout')));
      sent.end(body);
    });

  const request = async (method: string, url: string, body?: unknown, given?: Params | null) => {
    if (body !== undefined && body !== null && typeof body !== 'string')
      throw new Error('a body is a text here: JSON.stringify it');
    const params = given ?? {};
    const began = performance.now();
    const answer = await ask(method, url, body ?? undefined, params);
    if (signal.aborted) throw new Interrupted();
    const duration = performance.now() - began;
    const { status, error } = answer;
    const isFailed = status === 0 || status >= 400;
    const tags = { method, status: String(status), name: url, ...user.tags, ...params.tags };
    metrics.metric('http_reqs', 'counter').add(1, tags);
    metrics.metric('http_req_duration', 'trend', true).add(duration, tags);
    metrics.metric('http_req_failed', 'rate').add(isFailed, tags);
    return {
      url,
      status,
      error,
      body: answer.body,
      headers: canonical(answer.headers),
      timings: { duration },
      json: (selector = '') =>
        selector
          .split('.')
          .filter((name) => name !== '')
          .reduce<unknown>(field, JSON.parse(answer.body)),
    };
  };

  const withBody = (method: string) => (url: string, body?: unknown, params?: Params | null) =>
    request(method, url, body, params);
  const without = (method: string) => (url: string, params?: Params | null) =>
    request(method, url, undefined, params);
  return {
    request,
    get: without('GET'),
    head: without('HEAD'),
    post: withBody('POST'),
    put: withBody('PUT'),
    patch: withBody('PATCH'),
    del: withBody('DELETE'),
  };
};
