/** Requests for a token: one at a time, whoever asks. */
import { defer, first, type Observable, share, timeout } from './rx.js';
import type { ClientClock } from './options.js';
import type { TokenSource } from './token.js';

/** The time limit of one request for a token. */
const ANSWER_MS = 10_000;

/**
 * Each subscription asks. One that comes while a request is under way gets the answer of this request, also
 * when nobody was subscribed in between. A source that ends without a token is a failed request.
 */
export const tokensOf = (source: TokenSource, { scheduler }: ClientClock): Observable<string> =>
  defer(() => {
    const token = source();
    return typeof token === 'string' ? [token] : token;
  }).pipe(timeout({ first: ANSWER_MS, scheduler }), first(), share({ resetOnRefCountZero: false }));
