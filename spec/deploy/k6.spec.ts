/** The load tests of `deploy/k6`, in small, by `bench/k6.ts`: k6 itself is not needed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startNginxPods } from '../support/nginx-pods.js';
import { ROOT } from '../support/root.js';
import { HOST } from '../support/redis.js';

/**
 * Thresholds of time do not count here: the machine may be busy. `chat_accepted` is one: it misses an `ack` that
 * comes after the end of the session.
 */
const TIMES =
  /✗ (ws_connecting|chat_joined|chat_accepted|chat_ack|chat_delivery|http_req_duration|storm_recovered)/;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const k6 = (script: string, env: Readonly<Record<string, string | number>> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const given = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const { NODE_OPTIONS: _, ...own } = process.env;
    const args = ['--import', 'tsx', 'bench/k6.ts', ...given, script];
    const child = spawn(process.execPath, args, { cwd: ROOT, env: own });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', (code) => resolve({ code, output }));
  });

const scriptOf = (t: Test, content: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'k6-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'script.js'), content);
  return join(folder, 'script.js');
};

const crossed = (output: string): readonly string[] =>
  output.split('\n').filter((line) => line.includes('✗') && !TIMES.test(line));

t.test('when users chat in rooms behind nginx, then no message is lost', async (t) => {
  const cluster = await startNginxPods();
  t.teardown(cluster.stop);
  const BASE_URL = `http://${HOST}:${cluster.nginx.port}`;
  const small = { BASE_URL, USERS: 30, ROOM_SIZE: 10 };

  const rooms = await k6('deploy/k6/rooms.js', {
    ...small,
    RAMP: 1,
    HOLD: 5,
    SESSION: 4,
    EVERY: 1,
  });
  t.strictSame(crossed(rooms.output), [], rooms.output);
  t.match(rooms.output, /✓ chat_lost: count==0[^]*ws_sessions\.+ \d\d/);
  t.ok([0, 99].includes(rooms.code ?? -1), `${rooms.code}`);

  // at this rate some messages come while the users are away, also when they are back within milliseconds
  const short = { STORMS: 1, EVERY: 3, ARRIVAL: 1, RATE: 200 };
  const storm = await k6('deploy/k6/storm.js', { ...small, ...short });
  t.strictSame(crossed(storm.output), [], storm.output);
  t.match(storm.output, /✓ chat_lost: count==0[^]*storm_replayed\.+ [1-9]/);
  t.ok([0, 99].includes(storm.code ?? -1), `${storm.code}`);
});

t.test('when a script runs without k6, then it does as in k6', async (t) => {
  const script = scriptOf(
    t,
    `
import { check, group, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
const slept = new Trend('slept', true);
const turns = new Counter('turns');
export const options = {
  scenarios: { some: { executor: 'per-vu-iterations', vus: 2, iterations: 3, exec: 'visit' } },
  thresholds: {
    slept: ['min>=100', 'p(95)<5000'],
    iterations: ['count==6'],
    turns: ['count==12'],
    'turns{kind:one}': ['count==6'],
    checks: ['rate==0.5'],
    never: ['p(95)<1'],
  },
};
const pause = (seconds) => { const before = Date.now(); sleep(seconds); return Date.now() - before + 1; };
let own = 0;
export function setup() { return { from: 'setup' }; }
export function visit(data) {
  slept.add(pause(0.1));
  own++;
  check(own, { 'own variables': (n) => n === __ITER + 1, never: () => false });
  group('a group', () => { sleep(0.01); turns.add(1, { kind: data.from === 'setup' ? 'one' : '' }); });
  turns.add(1);
}
`,
  );
  const { code, output } = await k6(script);
  const lines = output.split('\n').filter((line) => /[✓✗]/.test(line));
  t.equal(lines.filter((line) => line.includes('✓')).length, 6, output);
  t.match(
    lines.filter((line) => line.includes('✗')),
    [/never: p\(95\)<1 \(no samples\)/],
  );
  t.equal(code, 99);
});

t.test('when a script fails or asks for what is not known here, then it says so', async (t) => {
  const rate = `export const options = { scenarios: { a: { executor: 'constant-arrival-rate' } } };
export default () => {};`;
  t.match(await k6(scriptOf(t, rate)), { output: /constant-arrival-rate is not known here/ });
  const browser = `import { browser } from 'k6/browser'; export default () => browser;`;
  t.match(await k6(scriptOf(t, browser)), { output: /k6\/browser is not known here/ });
  const broken = `export const options = { vus: 1, duration: '1s' };
import { sleep } from 'k6'; export default () => { sleep(0.3); throw new Error('broken'); };`;
  const { code, output } = await k6(scriptOf(t, broken));
  t.match([code, output], [107, /\d times: Error: broken/]);
});
