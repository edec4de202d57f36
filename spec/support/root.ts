import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the project. A compiled spec runs in another tree, where `package.json` is a link (`spec/compile.mjs`). */
export const ROOT = dirname(realpathSync(join(import.meta.dirname, '../../package.json')));
