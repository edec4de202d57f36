/**
 * Requests that schemathesis makes from the OpenAPI document: no 5xx, no undocumented status, header or body,
 * no valid request refused, no invalid one accepted, no token ignored. `npm run schemathesis` sends more.
 */
import t from 'tap';
import { startPod } from './support/pod.js';
import { installSchemathesis, schemathesis } from './support/schemathesis.js';
import { SECRET } from './support/tokens.js';

const API_KEY = 'the-key-of-schemathesis-0123456789abcdef';
const ACCESS = {
  'no token': { authEnabled: false, apiKeys: [] },
  tokens: { authEnabled: true, jwtSecret: SECRET, apiKeys: [API_KEY] },
};

t.setTimeout(300_000);
const program = await installSchemathesis();

for (const [form, access] of Object.entries(ACCESS))
  t.test(`when a service with ${form} gets such requests, then its document is true`, async (t) => {
    const { port } = await startPod(t, { access });
    const apiKey = access.authEnabled ? API_KEY : undefined;
    const { isGood, output } = await schemathesis(program, {
      port,
      examples: 5,
      seed: 1,
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    t.match(output, /[1-9]\d* generated/);
    t.ok(isGood, output);
  });
