import t from 'tap';
import { START } from '../../lib/client/state.js';
import { statusOf } from '../../lib/client/status.js';

t.test('when a room is used, then the status says why nothing connects', async (t) => {
  t.same(statusOf(START), { _tag: 'Idle' });
  const used = { ...START, uses: 1, retryAt: 5, because: 'code 1006' };
  t.same(statusOf(used), { _tag: 'Waiting', retryAt: 5, because: 'code 1006' });
  t.match(statusOf({ ...used, pageState: { isHidden: true } }), { because: 'hidden' });
  t.same(statusOf({ ...used, pageState: { out: 'offline' } }), {
    _tag: 'Offline',
    because: 'offline',
  });
  t.same(statusOf({ ...used, final: { code: 4503, because: 'x' } }), {
    _tag: 'Closed',
    code: 4503,
    because: 'x',
  });
});
