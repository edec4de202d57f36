// Runs the load generator and reads its lines.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../build/load', import.meta.url));

/** Readers that stop give way to the server and to those who measure: on another machine they would take no time from either. */
const nicenessOf = (mode) => (mode === 'stalled' ? '19' : '0');

const begin = (mode, servers, options, stdin) => {
  const given = {
    dialect: servers[0].dialect,
    ports: servers.map(({ port }) => port),
    pids: servers.map(({ pid }) => pid),
    ...options,
  };
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn('nice', ['-n', nicenessOf(mode), program, mode, ...args], {
    stdio: [stdin, 'pipe', 'inherit'],
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`load ${mode} ended without a result`);
    return JSON.parse(value);
  };
  return { child, next };
};

/** One run of `fanout`, `churn` or `visitors`, and its result. */
export const load = (mode, servers, options) => begin(mode, servers, options, 'ignore').next();

/**
 * Holds connections until `end`; `connected` is the number so far, `publish` sends one global message and
 * counts it.
 */
export const hold = async (servers, options) => {
  const { child, next } = begin('hold', servers, options, 'pipe');
  const command = (text) => {
    child.stdin.write(`${text}\n`);
    return next();
  };
  return { connected: await next(), publish: () => command('say'), end: () => command('end') };
};
