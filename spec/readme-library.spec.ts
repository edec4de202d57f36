/**
 * The code of README for programs that embed the service, in an empty project with the package: it compiles
 * and runs.
 */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { build, doorsOf, run } from './support/pod.js';
import { freePort, until } from './support/redis.js';
import { ROOT } from './support/root.js';

/** The program under "As a library". */
const program = (): string => {
  const section = readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n## As a library\n')[1];
  const code = /```ts\n([^]*?)```/.exec(section?.split('\n## ')[0] ?? '')?.[1];
  if (code === undefined) throw new Error('README has no such code');
  return code;
};

t.test('when the code of README is copied, then it compiles and runs', async (t) => {
  await build();
  const project = t.testdir({ 'package.json': '{"type":"module"}', 'service.ts': program() });
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules/chat-api'));
  const source = join(project, 'service.ts');
  const compiled = ts.createProgram([source], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    outDir: project,
  });
  const faults = ts
    .getPreEmitDiagnostics(compiled)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  t.strictSame(faults, []);
  compiled.emit(compiled.getSourceFile(source));
  const port = await freePort();
  const env = { PORT: String(port), DRAIN_MS: '500' };
  const running = run(t, [join(project, 'service.js')], env, /(id)/);
  await until('it has published', () => /scope/.test(running.stdout()), 10_000);
  t.match(running.stdout(), /id: '[0-9a-f-]{36}',\s+duplicate: false,\s+scope: 'cluster'/);
  const doors = doorsOf(t, port);
  const alice = await doors.connect('/ws/general');
  await until('the hook has spoken', () => running.stdout().includes('/api/chat-api/ws/general'));
  alice.send({ type: 'chat', data: 'spam' });
  t.match(await alice.received({ type: 'error' }), {
    data: { code: 'rejected', message: 'no spam' },
  });
  running.signal('SIGTERM');
  t.equal(await alice.closed(), 1001);
  t.equal(await running.ended(), 0);
  t.equal(running.stderr(), '');
});
