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

/** Says all of the answer, and leaves its end, which closes the socket, to whoever still reads from it. */
export const beginAnswer = (
  response: ServerResponse,
  { status, title, detail, headers }: Problem,
): void => {
  const body = JSON.stringify({ status, title, detail });
  response
    .writeHead(status, {
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Content-Type': 'application/problem+json',
      Connection: 'close',
      ...headers,
    })
    .write(body);
};

/** Answers a socket that no HTTP response stands for (yet, or any more), and ends it. */
export const answerSocket = (
  socket: Socket,
  { status, title, detail, headers }: Problem,
  scheduler: SchedulerLike,
): void => {
  const body = JSON.stringify({ status, title, detail });
  const lines = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    Connection: 'close',
    ...headers,
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${text.join('')}\r\n${body}`);
  // a peer that does not take its answer is not waited for, nor one that goes on sending: the socket's own timeout begins
  // anew with each byte
  const patience = scheduler.schedule(() => socket.destroy(), PATIENCE_MS);
  socket.once('close', () => patience.unsubscribe());
};

const PATIENCE_MS = 2_000;
