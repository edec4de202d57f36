/** The commands of `chat-api`, beside the service itself (docs/cli.md). */
import { check } from './check.js';
import { token } from './token.js';
import { watch } from './watch.js';
import { EX_USAGE, type Terminal } from './terminal.js';

const USAGE = `Usage:
  chat-api                              starts the service
  chat-api check                        checks the configuration, Redis, PostgreSQL, clocks and limits
  chat-api token --sub USER [--rooms PATTERNS] [--publish PATTERNS] [--global] [--admin] [--expires 1h]
                                        prints a token for development, signed with JWT_SECRET
  chat-api watch ROOM [--url URL] [--token TOKEN]
                                        prints the messages of a room, one a line
Settings come from the environment and from .env in this folder.`;

type Command = (args: readonly string[], terminal: Terminal) => Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['check', check],
  ['token', token],
  ['watch', watch],
]);

/** Runs a command. Resolves with the exit code of the process. */
export const cli = async (
  name: string,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> => {
  if (HELP.has(name) || args.some((arg) => HELP.has(arg))) {
    terminal.print(USAGE);
    return 0;
  }
  const command = COMMANDS.get(name);
  if (command !== undefined) return command(args, terminal);
  terminal.complain(`${name}: no command of chat-api; write check, token or watch\n${USAGE}`);
  return EX_USAGE;
};

const HELP: ReadonlySet<string> = new Set(['help', '--help', '-h']);
