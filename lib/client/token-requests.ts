/** Requests for a token: one at a time, whoever asks. */
import { defer, first, map, type Observable, share, timeout } from './rx.js';
import type { ClientClock } from './options.js';
import type { TokenSource } from './token.js';

/** The time limit of one request for a token. */
const ANSWER_MS = 10_000;

/** What no JWT has (RFC 7515, section 3.1). A text with it, such as an error page, is no token. */
const INVALID = /[^\w.-]/;

/**
 * Each subscription asks. One that comes while a request is under way gets the answer of this request, also
 * when nobody was subscribed in between, until the client is closed. A source that ends without a token is a
 * failed request, and so is one whose token is no JWT.
 */
export const tokensOf = (
  source: TokenSource,
  { scheduler }: ClientClock,
  whenClosed: () => Observable<unknown>,
): Observable<string> =>
  defer(() => {
    const token = source();
    return typeof token === 'string' ? [token] : token;
  }).pipe(
    timeout({ first: ANSWER_MS, scheduler }),
    first(),
    map((token) => {
      if (INVALID.test(token)) throw new TypeError('token: pass a JWT');
      return token;
    }),
    share({ resetOnRefCountZero: whenClosed }),
  );
