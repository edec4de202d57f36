/** Messages as lines of a terminal. */
import t from 'tap';
import { gapLine, messageLine } from '../../lib/cli/lines.js';

const message = {
  id: '1',
  type: 'chat',
  from: 'alice',
  data: { content: 'hi' },
  timestamp: '2026-01-15T10:30:00.123Z',
} as const;

t.test('when a message is printed, then it is one line with time, sender and data', async (t) => {
  t.equal(messageLine(message), '2026-01-15T10:30:00.123Z alice {"content":"hi"}');
  t.equal(
    messageLine({ ...message, type: 'notification', data: 1 }),
    '2026-01-15T10:30:00.123Z alice notification 1',
  );
  t.equal(gapLine('expired'), '-- gap (expired): messages may be missing here');
});

t.test('when text has codes for a terminal, then they are shown, not sent', async (t) => {
  const line = messageLine({ ...message, from: 'a\u001b[2J\n', data: '\u009b2J\u202e\u2028' });
  t.equal(line, '2026-01-15T10:30:00.123Z a\\u001b[2J\\u000a "\\u009b2J\\u202e\\u2028"');
});
