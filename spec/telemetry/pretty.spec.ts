/** Log lines for people. */
import t from 'tap';
import { pretty } from '../../lib/telemetry/pretty.js';

const line = (entry: object): string =>
  pretty(`${JSON.stringify({ level: 30, time: 1_795_761_538_973, server_id: 'p1', ...entry })}\n`);

t.test('when a line has fields, then they follow the message', async (t) => {
  t.match(
    line({ url: 'http://127.0.0.1:8000', auth: false, msg: 'listening' }),
    /^\d\d:\d\d:\d\d\.973 INFO {2}listening url=http:\/\/127\.0\.0\.1:8000 auth=false\n$/,
  );
  t.match(line({ level: 40, msg: 'careful' }), / WARN {2}careful\n$/);
  t.match(line({ level: 35, msg: 'odd' }), / 35 odd\n$/);
});

t.test('when a line has an error, then its stack is below', async (t) => {
  t.match(
    line({ level: 60, msg: 'no', err: { stack: 'Error: x\n    at here' } }),
    / FATAL no\n {4}Error: x\n {4}at here\n$/,
  );
});

t.test('when a text has line ends or control characters, then they are escaped', async (t) => {
  const text = line({ msg: 'm', origin: 'a\nb\u001b[2J' });
  t.match(text, /origin="a\\nb\\u001b\[2J"\n$/);
  t.equal(text.split('\n').length, 2);
});

t.test('when a line is no JSON object, then it stays as it is', async (t) => {
  for (const text of ['plain\n', '[1]\n', 'null\n']) t.equal(pretty(text), text);
});
