/**
 * Bodies of requests. They are read here from the socket: the parser of the framework refuses `__proto__`,
 * and gives only values, while `protocol/` checks the text too. All open bodies are bounded together; each
 * counts until its answer is known.
 */
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Problem, problem } from '../protocol/problem.js';

export interface RequestBodies {
  /**
   * Reads a body and passes it to a function. `Left`: why the body could not be read; undefined when the
   * client has gone, so no answer is needed.
   */
  readonly read: <A>(
    request: IncomingMessage,
    response: ServerResponse,
    work: (body: Buffer) => Promise<A>,
  ) => Promise<Either<Problem | undefined, A>>;
}

/** The largest body: docs/protocol.md, section 15.3. */
export const MOST = 1_048_576;
/** The most bytes of all open bodies. */
const ALL = 33_554_432;
/** What a request costs in addition to its body. So the bound holds for many small requests too. */
const OVERHEAD = 4_096;

export const requestBodies = (): RequestBodies => {
  let bytesInUse = 0;
  return {
    read: async (request, response, work) => {
      let own = 0;
      const hold = (bytes: number): boolean => {
        const more = Math.max(own, bytes + OVERHEAD) - own;
        if (bytesInUse + more > ALL) return false;
        bytesInUse += more;
        own += more;
        return true;
      };
      try {
        const body = await read(request, response, hold);
        return body._tag === 'Left' ? body : right(await work(body.right));
      } finally {
        bytesInUse -= own;
      }
    },
  };
};

/** Why a body is not read at all, by its headers. */
export const unreadable = ({ headers }: IncomingMessage): Problem | undefined => {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    return problem(415, 'Content-Encoding: send the body without a content encoding', {
      'Accept-Encoding': 'identity',
    });
  const type = headers['content-type'];
  if (type === undefined || !isJson(type))
    return problem(415, `Content-Type: send the body as application/json in UTF-8, ${notAs(type)}`);
  return Number(headers['content-length'] ?? 0) > MOST ? TOO_LARGE : undefined;
};

/** JSON has one charset (RFC 8259 §8.1): a body in another charset is not JSON. */
const isJson = (contentType: string): boolean => {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  return (
    type.trim() === 'application/json' && parameters.every((text) => !OTHER_CHARSET.test(text))
  );
};

/** A media type of the kinds that clients send by default. Any other text is not repeated. */
const PLAIN_TYPE = /^(application|text|multipart)\/[a-z0-9.+-]{1,32}$/;

/** What came in place of JSON. The header is a client's, so only a short, plain type is repeated. */
const notAs = (contentType: string | undefined): string => {
  if (contentType === undefined || contentType === '')
    return 'with that header; the request has none';
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (type === 'application/json') return 'not in another charset';
  return PLAIN_TYPE.test(type) ? `not as ${type}` : 'not as another type';
};

const OTHER_CHARSET = /^\s*charset\s*=(?!\s*"?utf-?8"?\s*$)/;

const read = (
  request: IncomingMessage,
  response: ServerResponse,
  hold: (bytes: number) => boolean,
): Promise<Either<Problem | undefined, Buffer>> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (body: Either<Problem | undefined, Buffer>): void => {
      request.off('data', take).off('end', end).off('close', gone);
      resolve(body);
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > MOST) settle(left(TOO_LARGE));
      else if (!hold(bytes)) settle(left(TOO_MANY));
    };
    const end = (): void => settle(right(Buffer.concat(chunks)));
    const gone = (): void => settle(left(undefined));
    // a body that breaks off emits `error`; the read ends at `close`
    request.on('error', () => undefined);
    if (request.destroyed) return gone();
    // the announced length is reserved at once. So of many requests that come together, some are refused at
    // the start; else all could fail in the middle
    if (!hold(Number(request.headers['content-length'] ?? 0))) return settle(left(TOO_MANY));
    request.on('data', take).on('end', end).on('close', gone);
    if (request.headers.expect !== undefined) response.writeContinue();
  });

const TOO_LARGE = problem(413, `body: expected at most ${MOST} bytes, got more`);

const TOO_MANY = problem(503, 'body: too many request bodies are in progress; retry after 1 s', {
  'Retry-After': '1',
});
