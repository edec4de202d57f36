/** Errors over HTTP, as `application/problem+json` (RFC 9457). `http/` and `connection/` write them. */

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

/** A problem in the form that all writers send. `more`: extension members (RFC 9457 §3.2). */
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
