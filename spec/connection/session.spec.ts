/** The token of a connection. Tokens that expire: `spec/auth/rights.spec.ts`. */
import t from 'tap';
import { world } from '../support/connection-world.js';

t.test('when a connection without a token sends refresh, then forbidden', async (t) => {
  const w = world();
  const a = w.connect();
  a.send({ type: 'refresh', data: { token: 'x' }, id: 'f' });
  w.clock.advance(10);
  t.match(a.errors(), [{ code: 'forbidden', ref: 'f' }]);
});
