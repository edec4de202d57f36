/**
 * Prints the specs of `npm run test:fast`, one path a line: all except those that start a process and those that take long.
 * A spec starts a process when its imports, followed through `spec/` and `lib/`, reach `node:child_process`. A spec that
 * takes long is named `*.property.spec.ts`, or is in `LONG`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const LONG = [
  // the cluster in virtual time: a hundred seeds or more
  'spec/cluster.spec.ts',
  'spec/cluster/client.spec.ts',
  'spec/one-id.spec.ts',
  // 50,000 messages
  'spec/history/archive/recovery.spec.ts',
];

const reaches = (file, name, seen = new Set()) => {
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const imports = [...readFileSync(file, 'utf8').matchAll(/(?:from|import) '([^']+)'/g)];
  return imports.some(([, path]) =>
    path.startsWith('.')
      ? reaches(join(dirname(file), path).replace(/\.js$/, '.ts'), name, seen)
      : path === name,
  );
};

const specs = readdirSync('spec', { recursive: true })
  .map((name) => join('spec', name))
  .filter((name) => name.endsWith('.spec.ts') && !name.endsWith('.property.spec.ts'))
  .filter((name) => !LONG.includes(name) && !reaches(name, 'node:child_process'))
  .sort();

process.stdout.write(`${specs.join('\n')}\n`);
