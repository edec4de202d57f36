/** The options of an app, and wrong ones, also where types would forbid them. */
import { createServer } from 'node:http';
import t from 'tap';
import { optionsFlaw } from '../lib/app-options.js';
import { configOrThrow } from '../lib/config/index.js';

const config = configOrThrow({});

t.test('when the options are valid, then no fault is found', async (t) => {
  t.equal(optionsFlaw({ config }), undefined);
  const hooks = { onConnect: () => undefined };
  t.equal(optionsFlaw({ config, hooks, server: createServer(), onEvent: () => 1 }), undefined);
});

t.test(
  'when an option is wrong, then the text names the option and what it should be',
  async (t) => {
    const rows: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /^options: expected an object with `config`, got nothing$/],
      [{}, /^config: expected a configuration from configOrThrow\(\)/],
      [{ config: {} }, /^config: /],
      [{ config, hooks: 1 }, /^hooks: expected an object of functions, got a number$/],
      [
        { config, hooks: { onMesage: () => null } },
        /^hooks: onMesage is no hook; there are onConnect/,
      ],
      [{ config, hook: {} }, /^hook: no option of an app; there are config, hooks, clock/],
      [{ config: { server: { port: 1 } } }, /^config: expected a configuration/],
      [
        { config, hooks: { onMessage: 'x' } },
        /^hooks.onMessage: expected a function, got a string$/,
      ],
      [
        { config, server: () => 1 },
        /^server: expected an HTTP server: createServer\(app\) with Express/,
      ],
      [{ config, onEvent: {} }, /^onEvent: expected a function, got an object$/],
    ];
    for (const [options, text] of rows) t.match(optionsFlaw(options), text);
  },
);

t.test('when a configuration lacks one of its groups, then it is refused', async (t) => {
  for (const group of Object.keys(config))
    t.match(optionsFlaw({ config: { ...config, [group]: undefined } }), /^config: /, group);
});
