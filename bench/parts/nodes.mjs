// The loads of `fanout` on each version of Node that the service supports. The Node that runs this is the first.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { machine } from '../support/report.mjs';
import { pod } from '../support/server.mjs';
import { turns } from '../support/turns.mjs';
import { LOADS } from '../support/loads.mjs';

const VERSIONS = ['24.21.0', '26.12.1'];
const kind = `node-${platform()}-${arch()}`;

/** Fetched from npm when it is missing, to where `npm run test:nodes` has it. */
const programOf = (version) => {
  const home = fileURLToPath(
    new URL(`../../node_modules/.cache/chat-api/node-${version}`, import.meta.url),
  );
  const program = `${home}/node_modules/${kind}/bin/node`;
  if (!existsSync(program))
    execFileSync(
      'npm',
      [
        'install',
        '--no-save',
        '--no-package-lock',
        '--no-audit',
        '--no-fund',
        '--prefix',
        home,
        `${kind}@${version}`,
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
  return program;
};

machine();
await turns(LOADS, {
  [`Node ${process.versions.node}`]: () => pod(),
  ...Object.fromEntries(
    VERSIONS.map((version) => [`Node ${version}`, () => pod({}, undefined, programOf(version))]),
  ),
});
console.log('\nNot shown: a network, TLS, Redis, other sizes of messages.');
