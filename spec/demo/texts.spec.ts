/** The texts of a pane. */
import t from 'tap';
import { counted, duration, forUser, nextTry, statusText } from '../../demo/texts.js';
import { forbidden } from '../../lib/connection/refusals.js';
import { liveAs, WAITING } from '../support/demo-messages.js';

t.test('when the status changes, then its text and its tone say what the user gets', async (t) => {
  const live = liveAs('c1');
  for (const [status, tone, text] of [
    [{ _tag: 'Idle' }, 'busy', 'Not connected'],
    [{ _tag: 'Connecting' }, 'busy', 'Connecting'],
    [live, 'good', 'Live'],
    [liveAs('c1', 'alice'), 'good', 'Live as alice'],
    [{ ...live, degraded: true }, 'busy', 'Live on one pod only: Redis does not answer'],
    [{ ...live, _tag: 'Draining' }, 'good', 'Live, moving to another pod'],
    [WAITING, 'bad', 'Not connected (code 1006)'],
    [{ ...WAITING, because: 'hidden' }, 'bad', 'Waits until the page is visible'],
    [{ _tag: 'Offline', because: 'offline' }, 'bad', 'The browser is offline'],
    [{ _tag: 'Offline', because: 'frozen' }, 'bad', 'The page is frozen'],
    [
      { _tag: 'Closed', code: 4503, because: 'gone' },
      'bad',
      'Closed: gone (4503). Press Join to connect again',
    ],
  ] as const)
    t.same(statusText(status, false), { tone, text });
  t.match(statusText(WAITING, true), { text: 'The line is broken' });
});

t.test('when the room refuses a live client, then the status is amber, and says so', async (t) => {
  const refused = statusText(liveAs('c1', 'alice'), false, true);
  t.same(refused, { tone: 'busy', text: 'Live as alice, but not in the room' });
  t.match(
    statusText(WAITING, false, true),
    { tone: 'bad' },
    'without a connection that is no news',
  );
});

t.test(
  'when the server asks for a refresh, then the page asks for a token in its field',
  async (t) => {
    const { text } = forbidden('join', 'general', undefined);
    const shown = forUser(text);
    t.match(shown, /; paste a token whose claim rooms.join allows it$/);
    t.notMatch(shown, 'refresh');
  },
);

t.test('when a next try is due, then the seconds until it are shown', async (t) => {
  t.equal(nextTry(WAITING, 3_100), 'next try in 2 s');
  t.equal(nextTry(WAITING, 9_000), 'next try in 0 s');
  t.equal(nextTry({ ...WAITING, because: 'hidden' }, 0), '');
  t.equal(nextTry({ _tag: 'Idle' }, 0), '');
});

t.test('when a time or a count is shown, then it has its unit', async (t) => {
  t.same([0, 3.4, 999, 1_234].map(duration), ['1 ms', '3 ms', '999 ms', '1.2 s']);
  t.same([counted(1, 'message'), counted(2, 'message')], ['1 message', '2 messages']);
});
