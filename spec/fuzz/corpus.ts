/** Attacks that a pod once did not handle well, or that are worth sending each time: one file each. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attack } from './attack.js';
import { ROOT } from '../support/root.js';

const FOLDER = join(ROOT, 'spec/fuzz/corpus');

export const corpus = (): readonly (readonly [name: string, attacks: readonly Attack[]])[] =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => [
      name,
      JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as readonly Attack[],
    ]);

/** Under a name of what it is; answers that. */
export const save = (attacks: readonly Attack[]): string => {
  const text = `${JSON.stringify(attacks, undefined, 2)}\n`;
  const name = `found-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.json`;
  writeFileSync(join(FOLDER, name), text);
  return name;
};
