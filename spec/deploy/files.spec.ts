/**
 * The files of `deploy/` by the checkers of the field, which `requirements.txt` names (they need no network and no
 * container), and what no checker knows: numbers and names that belong together.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { ROOT } from '../support/root.js';

const DEPLOY = join(ROOT, 'deploy');
const K8S = join(DEPLOY, 'k8s');
const REQUIREMENTS = join(ROOT, 'spec/deploy/requirements.txt');
const CACHE = join(ROOT, 'node_modules/.cache/chat-api');
const TOOLS = join(CACHE, 'deploy-tools');
/** Another python3 in PATH may lack pip. */
const PYTHON = '/usr/bin/python3';

const text = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8');
const execute = promisify(execFile);

/** Installs the checkers once for each list of versions. Returns why they cannot be installed. */
const installTools = async (): Promise<string | undefined> => {
  const wanted = readFileSync(REQUIREMENTS, 'utf8');
  const mark = join(TOOLS, 'requirements.txt');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'deploy-tools-'));
  const quiet = ['--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore'];
  const patience = ['--retries', '1', '--timeout', '15'];
  const flaw = await execute(PYTHON, [
    ...['-m', 'pip', 'install', ...quiet, ...patience, '-t', folder, '-r', REQUIREMENTS],
  ]).then(
    () => undefined,
    (error: unknown) => `the checkers of deploy/ cannot be installed from PyPI: ${String(error)}`,
  );
  if (flaw !== undefined) return flaw;
  writeFileSync(join(folder, 'requirements.txt'), wanted);
  rmSync(TOOLS, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  cpSync(folder, TOOLS, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  return undefined;
};

/** What a checker reports; nothing when it finds nothing. */
const check = async (tool: string, ...args: readonly string[]): Promise<string> => {
  const program = join(TOOLS, 'bin', tool);
  const isBinary = tool === 'hadolint';
  const env = { ...process.env, PYTHONPATH: TOOLS };
  const [command, given] = isBinary ? [program, args] : [PYTHON, [program, ...args]];
  return execute(command, given, { env }).then(
    () => '',
    (error: unknown) => {
      const { stdout = '', stderr = '' } = error as Readonly<Record<string, string>>;
      return `${stdout}${stderr}` || String(error);
    },
  );
};

type Fields = Readonly<Record<string, unknown>>;
/** A value inside of YAML: `spec.template.0.name`. */
const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((inner, name) => (inner as Fields | undefined)?.[name], value);

const manifests = readdirSync(K8S).filter(
  (name) => !/^(kustomization|prometheus-adapter)\.yaml$/.test(name),
);
const manifest = (name: string): unknown => parse(text(`k8s/${name}.yaml`)) as unknown;

/** Without PyPI, the four specs of the checkers are skipped by this text. */
const flaw = await installTools();
if (flaw !== undefined) console.error(flaw);
const withTools = { skip: flaw ?? false };

t.test('when hadolint reads the Dockerfile, then it finds nothing', withTools, async (t) => {
  t.equal(await check('hadolint', '--no-color', join(DEPLOY, 'Dockerfile')), '');
});

t.test(
  'when the manifests are validated, then Kubernetes knows every field',
  withTools,
  async (t) => {
    t.ok(manifests.length >= 7);
    for (const name of manifests)
      t.equal(await check('kubernetes-validate', '--strict', '--quiet', join(K8S, name)), '', name);
  },
);

t.test(
  'when compose.yaml is validated, then it is as the specification says',
  withTools,
  async (t) => {
    const file = join(DEPLOY, 'compose.yaml');
    t.equal(await check('check-jsonschema', '--builtin-schema', 'vendor.compose-spec', file), '');
  },
);

t.test('when the checkers get a wrong file, then they say so', withTools, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'deploy-wrong-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const wrong = (name: string, from: string, before: string, after: string): string => {
    const content = text(from);
    t.ok(content.includes(before), `${from} has ${before}`);
    writeFileSync(join(folder, name), content.replace(before, after));
    return join(folder, name);
  };
  const dockerfile = wrong('Dockerfile', 'Dockerfile', 'USER 1000:1000', 'USER root');
  t.match(await check('hadolint', dockerfile), 'DL3002');
  const pdb = wrong('pdb.yaml', 'k8s/poddisruptionbudget.yaml', 'maxUnavailable', 'maxUnavailabel');
  t.match(await check('kubernetes-validate', '--strict', pdb), 'maxUnavailabel');
  const compose = wrong('compose.yaml', 'compose.yaml', 'restart: unless', 'restarts: unless');
  t.match(
    await check('check-jsonschema', '--builtin-schema', 'vendor.compose-spec', compose),
    'restarts',
  );
});

t.test('when a pod of Kubernetes ends, then it has time for preStop and its drain', async (t) => {
  const pod = at(manifest('deployment'), 'spec.template.spec');
  const container = at(pod, 'containers.0');
  const grace = Number(at(pod, 'terminationGracePeriodSeconds'));
  const preStop = Number(at(container, 'lifecycle.preStop.sleep.seconds'));
  const drain = Number(at(manifest('configmap'), 'data.DRAIN_MS')) / 1_000;
  t.ok(preStop > 0 && grace >= preStop + drain + 5, `${grace} s`);
  t.equal(at(container, 'livenessProbe.httpGet.path'), '/health');
  t.equal(at(container, 'readinessProbe.httpGet.path'), '/ready');
  t.equal(at(container, 'securityContext.readOnlyRootFilesystem'), true);
  t.equal(at(pod, 'securityContext.runAsNonRoot'), true);
});

t.test('when manifests name each other, then the names are the same', async (t) => {
  const labels = at(manifest('deployment'), 'spec.template.metadata.labels');
  t.strictSame(at(manifest('deployment'), 'spec.selector.matchLabels'), labels);
  t.strictSame(at(manifest('service'), 'spec.selector'), labels);
  t.strictSame(at(manifest('poddisruptionbudget'), 'spec.selector.matchLabels'), labels);
  t.equal(at(manifest('horizontalpodautoscaler'), 'spec.scaleTargetRef.name'), 'chat-api');
  const hpa = at(manifest('horizontalpodautoscaler'), 'spec.metrics.0.pods.metric.name');
  const adapter = parse(text('k8s/prometheus-adapter.yaml')) as unknown;
  t.equal(at(adapter, 'rules.custom.0.name.as'), hpa);
  const listed = at(manifest('kustomization'), 'resources') as readonly string[];
  t.strictSame([...listed].sort(), manifests.filter((name) => !name.includes('example')).sort());
});

t.test('when variables are set, then the service has them', async (t) => {
  const known = new Set(readFileSync(join(ROOT, '.env.example'), 'utf8').match(/^[A-Z_]+(?==)/gm));
  const names = [
    ...Object.keys(at(manifest('configmap'), 'data') as Fields),
    ...Object.keys(at(manifest('secret.example'), 'stringData') as Fields),
    ...Object.keys(at(parse(text('compose.yaml'), { merge: true }), 'x-environment') as Fields),
  ];
  t.strictSame(
    names.filter((name) => !known.has(name)),
    [],
  );
});

t.test('when compose starts pods, then nginx and Prometheus know each of them', async (t) => {
  const compose: unknown = parse(text('compose.yaml'), { merge: true });
  const services = Object.entries(at(compose, 'services') as Fields);
  const pods = services.filter(([name]) => name.startsWith('pod-'));
  const addresses = pods.map(([, pod]) => at(pod, 'networks.chat.ipv4_address'));
  t.equal(pods.length, 3);
  t.strictSame(
    [...text('nginx/pods.conf').matchAll(/^server (\S+):8000 max_fails=0;$/gm)].map(([, ip]) => ip),
    addresses,
  );
  const nginx = at(compose, 'services.nginx.networks.chat.ipv4_address');
  for (const [name, pod] of pods) {
    t.equal(at(pod, 'environment.TRUSTED_PROXIES'), nginx, name);
    t.equal(at(pod, 'environment.SERVER_ID'), name);
    const grace = Number(String(at(pod, 'stop_grace_period')).replace('s', ''));
    t.ok(grace * 1_000 > Number(at(pod, 'environment.DRAIN_MS')), `${name}: ${grace} s`);
  }
  const scraped = at(parse(text('prometheus/prometheus.yml')), 'scrape_configs.0.static_configs');
  t.strictSame(
    at(scraped, '0.targets'),
    pods.map(([name]) => `${name}:8000`),
  );
  const mounted = services.flatMap(([, service]) => (at(service, 'volumes') ?? []) as string[]);
  for (const [file = ''] of mounted.map((volume) => volume.split(':')))
    if (file.startsWith('./')) t.ok(existsSync(join(DEPLOY, file)), file);
});

t.test('when the Dockerfile copies a file, then it exists and is not ignored', async (t) => {
  const ignore = text('Dockerfile.dockerignore').split('\n');
  const copied = [...text('Dockerfile').matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, names]) =>
    (names ?? '').split(' ').slice(0, -1),
  );
  t.ok(copied.length >= 6);
  for (const name of copied) {
    t.ok(existsSync(join(ROOT, name)), name);
    t.ok(ignore.includes(`!${name}`), name);
  }
});

t.test('when YAML is read, then nothing in it is doubtful', async (t) => {
  for (const name of readdirSync(DEPLOY, { recursive: true, encoding: 'utf8' })) {
    if (!/\.ya?ml$/.test(name)) continue;
    for (const { errors, warnings } of parseAllDocuments(text(name), { merge: true }))
      t.strictSame([errors, warnings], [[], []], name);
  }
});

t.test('when nginx reads the files of compose, then it accepts them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'deploy-nginx-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  await execute('cp', ['-r', join(DEPLOY, 'nginx.conf'), join(DEPLOY, 'nginx'), folder]);
  const change = (name: string, before: string, after: string): void => {
    const file = join(folder, 'nginx', name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(before, after));
  };
  // what this machine may lack: the user, the right to write there, a standard output that can be opened
  change('process.conf', 'user nginx;', 'user root;');
  change('process.conf', '/var/run/nginx.pid', 'nginx.pid');
  change('http.conf', '/dev/stdout', 'access.log');
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin`;
  const { stderr } = await execute('nginx', ['-t', '-p', folder, '-c', 'nginx.conf'], {
    env: { PATH: path },
  });
  t.match(stderr, 'test is successful');
  t.notMatch(stderr, /\[(warn|error|crit|emerg)\]/);
});
