/** The tokens of a client (RFC 7519). Of a token the client reads only its end. */
import type { Observable } from 'rxjs';
import { has } from './frames.js';

/** Gives a token, at once or later. */
export type TokenSource = () => string | Promise<string> | Observable<string>;

interface Claims {
  readonly exp: unknown;
}

/** When a JWT ends, Unix ms; 0 when it has no end, or is no JWT. Nothing is verified. */
export const endOf = (token: string): number => {
  try {
    const body = token.split('.')[1] ?? '';
    const claims: unknown = JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/')));
    return has<Claims>(claims, 'exp') ? Number(claims.exp) * 1_000 : 0;
  } catch {
    return 0;
  }
};
