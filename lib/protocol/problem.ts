/** Refusals over HTTP, as `application/problem+json` (RFC 9457). */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SchedulerLike } from 'rxjs';

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const problem = (
  status: number,
  detail: string,
  headers?: Readonly<Record<string, string>>,
): Problem => ({
  status,
  title: TITLES[status] ?? 'Error',
  detail,
  ...(headers === undefined ? {} : { headers }),
});

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Answers a request that no route sees; what follows it on the socket may be its body. */
export const answerRequest = (response: ServerResponse, problem: Problem): void => {
  beginAnswer(response, problem);
  response.end();
};

/** A problem as every writer sends it; `more` are extension members (RFC 9457 §3.2). */
export const renderProblem = (
  { status, title, detail, headers }: Problem,
  more: Readonly<Record<string, unknown>> = {},
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } => {
  const body = JSON.stringify({ status, title, detail, ...more });
  return {
    headers: {
      'Content-Type': 'application/problem+json',
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    },
    body,
  };
};

/** Writes all of the answer, and leaves its end, which closes the socket, to whoever still reads from it. */
export const beginAnswer = (response: ServerResponse, problem: Problem): void => {
  const { headers, body } = renderProblem(problem);
  response.writeHead(problem.status, { Connection: 'close', ...headers }).write(body);
};

/** Answers a socket that no HTTP response stands for (yet, or any more), and ends it. */
export const answerSocket = (socket: Socket, problem: Problem, scheduler: SchedulerLike): void => {
  const { headers, body } = renderProblem(problem);
  const lines = Object.entries({ Connection: 'close', ...headers });
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${text.join('')}\r\n${body}`);
  // a peer that does not take its answer is not waited for, nor one that goes on sending: the socket's own timeout begins
  // anew with each byte
  const patience = scheduler.schedule(() => socket.destroy(), PATIENCE_MS);
  socket.once('close', () => patience.unsubscribe());
};

const PATIENCE_MS = 2_000;
