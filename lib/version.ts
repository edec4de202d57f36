/** The version of the package, as `package.json` has it beside `lib` and `dist`. */
import { readFileSync } from 'node:fs';

const UNKNOWN = 'unknown';

/** `unknown` when there is no such file, as in a bundle. */
export const VERSION: string = (() => {
  try {
    const about: unknown = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    );
    return typeof about === 'object' &&
      about !== null &&
      'version' in about &&
      typeof about.version === 'string'
      ? about.version
      : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
})();
