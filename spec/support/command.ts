/** `node dist/main.js COMMAND`, as `npx chat-api COMMAND` runs it. */
import { cli } from '../../lib/cli/index.js';
import { build, run, type Running } from './pod.js';

interface Test {
  readonly teardown: (work: () => unknown) => void;
}

export interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

/** A command that goes on until it is ended. */
export const command = async (
  t: Test,
  args: readonly string[],
  env: Env = {},
): Promise<Running> => {
  await build();
  return run(t, ['dist/main.js', ...args], env, /$^/);
};

/** A command that ends by itself. */
export const commandEnded = async (
  t: Test,
  args: readonly string[],
  env: Env = {},
): Promise<Ended> => {
  const running = await command(t, args, env);
  const code = await running.ended(20_000);
  return { code, stdout: running.stdout(), stderr: running.stderr() };
};

/** The same without a process of its own, for many ways to write a command. Nothing stops it. */
export const inProcess = async (
  [name = '', ...args]: readonly string[],
  env: Env = {},
): Promise<Ended> => {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await cli(name, args, {
    env,
    // a folder without a .env
    directory: import.meta.dirname,
    openFiles: undefined,
    print: (line) => out.push(`${line}\n`),
    complain: (line) => errors.push(`${line}\n`),
    stopped: new Promise(() => undefined),
  });
  return { code, stdout: out.join(''), stderr: errors.join('') };
};
