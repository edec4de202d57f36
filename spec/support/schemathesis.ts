/** schemathesis (https://schemathesis.io) against a pod: requests made from the OpenAPI document. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join, resolve } from 'node:path';
import { ROOT } from './root.js';

const HOME = join(ROOT, 'spec/schemathesis');

const run = async (command: string, args: readonly string[], cwd?: string) => {
  const env = { ...process.env, SCHEMATHESIS_HOOKS: join(HOME, 'hooks.py') };
  const child = spawn(command, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, output };
};

/** Installs schemathesis when it is missing: into `node_modules/.cache`, from PyPI, in 10 to 40 s. */
export const installSchemathesis = async (): Promise<string> => {
  const { code, stdout, output } = await run('bash', [join(HOME, 'install.sh')]);
  if (code !== 0) throw new Error(`schemathesis could not be installed\n${output}`);
  return stdout.trim();
};

export interface SchemathesisOptions {
  readonly port: number;
  /** Random requests for each operation. */
  readonly examples: number;
  readonly seed: number;
  readonly apiKey?: string;
}

/** `output`: what schemathesis printed, without its progress. */
export const schemathesis = async (
  program: string,
  { port, examples, seed, apiKey }: SchemathesisOptions,
): Promise<{ readonly isGood: boolean; readonly output: string }> => {
  const args = [
    '--no-color',
    ...['--config-file', join(HOME, 'schemathesis.toml')],
    'run',
    `http://127.0.0.1:${port}/openapi.json`,
    ...['--max-examples', String(examples), '--seed', String(seed)],
    ...['--generation-database', 'none', '--output-sanitize', 'false'],
    ...(apiKey === undefined ? [] : ['--header', `X-API-Key: ${apiKey}`]),
  ];
  // it writes what it finds into the current folder
  const { code, output } = await run(resolve(program), args, join(dirname(program), '..'));
  const begin = output.search(/=+ (FAILURES|ERRORS|SUMMARY) =+/);
  return { isGood: code === 0, output: output.slice(Math.max(begin, 0)) };
};
