/**
 * `npm run planted`: tests the tests. Each bug of `planted/bugs.ts` and `planted/client-bugs.ts` is planted
 * into a copy of the tree, and seeds of the cluster in virtual time run there until one finds it.
 * `npm run planted -- epoch` takes the bugs with that text in their names.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Bug, SERVER_BUGS } from './planted/bugs.js';
import { CLIENT_BUGS } from './planted/client-bugs.js';

interface Found {
  readonly seed?: number;
  readonly tag?: string;
  readonly text?: string;
}

interface Hunt {
  readonly bug: Bug;
  /** `client`: seeds with applications on the client library find the bug. */
  readonly who: 'server' | 'client';
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SEEDS = Number(process.env['PLANTED_SEEDS'] ?? 200);
const COPIED = ['lib', 'spec/support', 'bench/planted', 'config', 'package.json', 'tsconfig.json'];

/** Makes a copy of the tree with the bug. Throws when the text to replace is not found, or is found twice. */
const plant = async (into: string, { name, changes }: Bug): Promise<void> => {
  for (const path of COPIED) await cp(join(ROOT, path), join(into, path), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(into, 'node_modules'));
  for (const { file, from, to } of changes) {
    const path = join(into, file);
    const text = await readFile(path, 'utf8');
    const count = text.split(from).length - 1;
    if (count !== 1)
      throw new Error(`${name}: expected one place in ${file} that reads\n${from}\ngot ${count}`);
    await writeFile(
      path,
      text.replace(from, () => to),
    );
  }
};

const hunt = async ({ bug, who }: Hunt): Promise<Found> => {
  const into = await mkdtemp(join(tmpdir(), 'planted-'));
  try {
    await plant(into, bug);
    const hunted = promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', join(into, 'bench/planted/hunt.ts'), `${SEEDS}`, who],
      { cwd: into, timeout: 600_000 },
    );
    // the last line is the last seed that began, or the result
    const { stdout: output } = await hunted.catch(
      (error: unknown) => error as { readonly stdout: string },
    );
    return JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as Found;
  } finally {
    await rm(into, { recursive: true });
  }
};

const [wanted = ''] = process.argv.slice(2);
const hunts: readonly Hunt[] = [
  { bug: { name: 'none', changes: [] }, who: 'server' },
  ...SERVER_BUGS.map((bug) => ({ bug, who: 'server' }) as const),
  { bug: { name: 'client: none', changes: [] }, who: 'client' },
  ...CLIENT_BUGS.map((bug) => ({ bug, who: 'client' }) as const),
];
let missed = 0;
console.log('| bug | seed | invariant | what was found |\n| --- | --- | --- | --- |');
for (const each of hunts.filter(({ bug }) => bug.name.includes(wanted))) {
  const { bug } = each;
  const isBug = bug.changes.length > 0;
  const { seed, tag = '', text = '' } = await hunt(each);
  if ((seed === undefined) === isBug) missed++;
  const where = seed === undefined ? `${isBug ? 'NOT FOUND' : 'none'} in ${SEEDS}` : seed;
  console.log(`| ${bug.name} | ${where} | ${tag} | ${text.replaceAll('|', '\\|')} |`);
}
process.exitCode = missed > 0 ? 1 : 0;
