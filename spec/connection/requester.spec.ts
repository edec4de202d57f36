/** The sender of a refused request, for the log: no query, no token, a bounded length. */
import fc from 'fast-check';
import t from 'tap';
import { originText, requesterOf } from '../../lib/connection/requester.js';
import { requestOf } from '../support/requests.js';

const asked = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  requesterOf(requestOf(url, { headers }), { remoteAddress: '192.0.2.1' }, (_, peer) => peer);

t.test(
  'when a request names a room, then the log has path, room and origin, and no query',
  async (t) => {
    t.same(asked('/b/ws/general?token=secret', { origin: 'https://a.example' }), {
      address: '192.0.2.1',
      method: 'GET',
      path: '/b/ws/general',
      room: 'general',
      origin: 'https://a.example',
    });
    t.match(asked('/b/ws?room=general&token=secret'), { path: '/b/ws', room: 'general' });
    t.equal(asked('/b/messages').room, undefined, 'the end of another path is no room');
  },
);

t.test('when a token is in the path or the origin, then the log does not have it', async (t) => {
  const token = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${'c2lnbmF0dXJl'.repeat(4)}`;
  t.notMatch(JSON.stringify(asked(`/b/ws/${token}`, { origin: token })), /eyJ/);
  t.match(asked(`/b/ws/${token}`).path, '/b/ws/***');
});

t.test('when an origin of any length comes, then its text is bounded', async (t) => {
  fc.assert(fc.property(fc.string({ maxLength: 2_000 }), (text) => originText(text).length <= 129));
  t.equal(originText('https://a.example:8443'), 'https://a.example:8443');
});
