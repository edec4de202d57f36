/**
 * Reads a text from a URL of the configuration. It follows no redirect, bounds the answer, and closes the
 * socket: `fetch` would keep it open.
 */
import { get as getPlain } from 'node:http';
import { get as getTls } from 'node:https';
import { Observable } from 'rxjs';
import { firstError } from '../first-error.js';

const MAX_BYTES = 262_144;

/** Emits once, or errors with a text for the operator. Unsubscribing aborts the request. */
export const httpGet = (url: string): Observable<string> =>
  new Observable<string>((subscriber) => {
    const get = url.startsWith('https:') ? getTls : getPlain;
    const request = get(
      url,
      { agent: false, headers: { Accept: 'application/json' } },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        if (answer.statusCode !== 200)
          subscriber.error(
            new Error(
              `expected status 200 (redirects are not followed), got ${answer.statusCode ?? 'none'}`,
            ),
          );
        answer.on('error', (error) => subscriber.error(error));
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_BYTES)
            subscriber.error(new Error(`expected at most ${MAX_BYTES} bytes, got more`));
          else chunks.push(chunk);
        });
        answer.on('end', () => {
          subscriber.next(Buffer.concat(chunks).toString());
          subscriber.complete();
        });
      },
    );
    request.on('error', (error) => subscriber.error(firstError(error)));
    return () => request.destroy();
  });
