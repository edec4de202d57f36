/**
 * `npm run image`: carries out the steps of `deploy/Dockerfile` in folders, for machines without a container engine,
 * with the version of Node that it names, and starts what comes out of them as the image would. It knows the
 * instructions that this Dockerfile has, and no others.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from '../spec/support/redis.js';

const ROOT = join(import.meta.dirname, '..');
const DOCKERFILE = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');
const CACHE = join(ROOT, 'node_modules/.cache/chat-api');

interface Step {
  readonly name: string;
  readonly rest: string;
}

/** A stage that was built: its folder in place of `/`, and its settings. */
interface Stage {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: number;
  readonly command: readonly string[];
  readonly health: readonly string[];
}

const log = (line: string): void => console.error(line);

const steps: readonly Step[] = DOCKERFILE.replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [name = '', ...rest] = line.split(' ');
    return { name, rest: rest.join(' ').trim() };
  });

/** The folder of `node` of a version: the package of npm with the binary of this machine. */
const nodeOf = (image: string): string => {
  const version = /^node:(\d+\.\d+\.\d+)-/.exec(image)?.[1];
  if (version === undefined) throw new Error(`no version of Node is in ${image}`);
  const prefix = join(CACHE, `node-${version}`);
  const bin = join(prefix, `node_modules/node-linux-${process.arch}/bin`);
  if (!existsSync(bin))
    execFileSync(
      'npm',
      [
        'install',
        '--no-save',
        '--silent',
        '--prefix',
        prefix,
        `node-linux-${process.arch}@${version}`,
      ],
      { stdio: 'inherit' },
    );
  return bin;
};

const all = mkdtempSync(join(tmpdir(), 'image-'));
// the user of the image reads it
execFileSync('chmod', ['755', all]);
process.on('exit', () => rmSync(all, { recursive: true, force: true }));
/** What a proxy or a registry of this machine needs; not what `npm run` sets. */
const outside = Object.fromEntries(
  Object.entries(process.env).filter(
    ([key]) => !/^(npm_(?!config_)|NODE_ENV|NODE_OPTIONS)/.test(key),
  ),
);

const stages = new Map<string, Stage>();
let stage: Stage | undefined;
let name = '';
for (const { name: instruction, rest } of steps) {
  log(`${instruction} ${rest.slice(0, 90)}`);
  if (instruction === 'FROM') {
    const [image = '', , as] = rest.split(' ');
    name = as ?? 'image';
    const folder = join(all, name);
    mkdirSync(folder);
    const PATH = `${nodeOf(image)}:${process.env['PATH'] ?? ''}`;
    stage = { folder, env: { PATH }, workdir: '/', user: 0, command: [], health: [] };
  } else if (stage === undefined) throw new Error(`${instruction} before FROM`);
  else {
    const { folder, env, workdir } = stage;
    const here = join(folder, workdir);
    switch (instruction) {
      case 'WORKDIR':
        stage = { ...stage, workdir: rest };
        mkdirSync(join(folder, rest), { recursive: true });
        break;
      case 'COPY': {
        const [, from, files = ''] = /^(?:--from=(\w+) )?(.*)$/.exec(rest) ?? [];
        const names = files.split(' ');
        const target = names.pop() ?? '';
        const source = from === undefined ? ROOT : (stages.get(from)?.folder ?? '');
        for (const file of names)
          cpSync(
            join(source, file),
            target === './' ? join(here, file.split('/').at(-1) ?? '') : join(here, target),
            { recursive: true, verbatimSymlinks: true },
          );
        break;
      }
      case 'RUN':
        execFileSync('bash', ['-ec', rest], {
          cwd: here,
          env: { ...outside, ...env },
          stdio: ['ignore', 'inherit', 'inherit'],
        });
        break;
      case 'ENV': {
        const [key = '', value = ''] = rest.split('=', 2);
        stage = { ...stage, env: { ...env, [key]: value } };
        break;
      }
      case 'USER':
        stage = { ...stage, user: Number(rest.split(':')[0]) };
        break;
      case 'EXPOSE':
        break;
      case 'HEALTHCHECK':
        stage = { ...stage, health: JSON.parse(rest.slice(rest.indexOf('['))) as string[] };
        break;
      case 'CMD':
        stage = { ...stage, command: JSON.parse(rest) as string[] };
        break;
      default:
        throw new Error(`${instruction} is not known here`);
    }
  }
  stages.set(name, stage);
}

const image = stages.get('image');
if (image === undefined) throw new Error('the Dockerfile has no last stage without a name');
const env = { ...image.env, PORT: String(await freePort()) };
/** As the user of the image, when this process may choose. */
const start = ([command = '', ...args]: readonly string[]) =>
  spawn(command, args, {
    cwd: join(image.folder, image.workdir),
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(process.getuid?.() === 0 ? { uid: image.user, gid: image.user } : {}),
  });
const healthCode = async (): Promise<unknown> => (await once(start(image.health), 'close'))[0];

const service = start(image.command);
let output = '';
service.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
const hasEnded = (): boolean => service.exitCode !== null || service.signalCode !== null;
await until('it listens', () => output.includes('"listening"') || hasEnded(), 30_000);
const node = /"node":"([^"]+)"/.exec(output)?.[1] ?? '?';
const healthy = await healthCode();
service.kill('SIGTERM');
await until('it ends', hasEnded, 20_000).catch(() => service.kill('SIGKILL'));
const ended = service.exitCode ?? service.signalCode;
const afterwards = await healthCode();
const size = execFileSync('du', ['-sm', image.folder], { encoding: 'utf8' }).split('\t')[0] ?? '';

console.log(`Node ${node}, user ${image.user}, ${size} MB without Node and the distribution`);
const faults = [
  ...(output.includes('"listening"') ? [] : [`it did not start: ${output}`]),
  ...(healthy === 0 ? [] : [`HEALTHCHECK of the running service: ${String(healthy)}, expected 0`]),
  ...(afterwards === 1 ? [] : [`HEALTHCHECK after its end: ${String(afterwards)}, expected 1`]),
  ...(ended === 0 ? [] : [`after SIGTERM it ended with ${String(ended)}, expected 0`]),
];
console.log(faults.length === 0 ? 'verdict: ok' : `verdict: FAILED\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);
