/** The tokens of a client (RFC 7519), as far as it goes by them. */
import type { Observable } from 'rxjs';

/** Gives a token, at once or later. */
export type TokenSource = () => string | Promise<string> | Observable<string>;

/** When a JWT ends, Unix ms; undefined when it has no end, or is no JWT. Nothing is verified. */
export const endOf = (token: string): number | undefined => {
  try {
    const body = token.split('.')[1] ?? '';
    const { exp }: { exp?: unknown } = JSON.parse(
      atob(body.replaceAll('-', '+').replaceAll('_', '/')),
    );
    return typeof exp === 'number' ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
};
