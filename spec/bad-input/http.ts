/** P: requests without a socket, byte for byte. */
import { BASE } from '../support/pod.js';
import type { RawClient } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { BAD_HOSTS, isProblem } from './handshake.js';
import { type Counted, once, type Row } from './row.js';

const MESSAGES = `${BASE}/messages`;
const MIB = 1_048_576;
const JSON_TYPE = 'Content-Type: application/json';

const request = (line: string, headers: readonly string[] = [], body = ''): string =>
  [`${line} HTTP/1.1`, 'Host: x', ...headers, '', body].join('\r\n');

const post = (body: string, headers: readonly string[] = [JSON_TYPE]): string =>
  request(`POST ${MESSAGES}`, [...headers, `Content-Length: ${Buffer.byteLength(body)}`], body);

/** The answer in short: status, `Allow`, and whether the connection ends. */
const answerOf = async (client: RawClient): Promise<string> => {
  const { status, headers, body } = await client.answer();
  if (status >= 400 && !isProblem(status, headers, body)) return `${status}, no problem: ${body}`;
  if (/evil|hunter2|Set-Cookie/.test(body) || headers.has('set-cookie'))
    return `${status}, which echoes: ${body}`;
  const allow = headers.get('allow');
  if (headers.get('connection') === 'close') await client.ended();
  const isOver = headers.get('connection') === 'close' ? ', closed' : '';
  return `${status}${allow === undefined ? '' : ` allow: ${allow}`}${isOver}`;
};

const asks = (row: string, sent: string, bytes: string, due: string): Row => ({
  row,
  sent,
  due,
  ...(Number(due.slice(0, 3)) >= 400 ? { counted: once(`rejected ${due.slice(0, 3)}`) } : {}),
  play: async (stage) => {
    const client = await stage.raw();
    client.write(bytes);
    return answerOf(client);
  },
});

const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${' '.repeat(bytes)}\r\n`;
const CHUNKED = [JSON_TYPE, 'Transfer-Encoding: chunked'];

const typed = (sent: string, headers: readonly string[], due = '415, closed'): Row =>
  asks('P02', sent, post('{"data":"hunter2"}', headers), due);

const path = (target: string, due: string): Row =>
  asks('P07', target.slice(0, 60), request(`GET ${target}`), due);

const READ = 'GET, HEAD';

export const REQUESTS: readonly Row[] = [
  asks('P01', '1 MiB', post('[{"room":"p","data":1}]'.padEnd(MIB)), '202'),
  asks('P01', 'a message of 65,536 bytes', post('{"room":"p","data":1}'.padEnd(65_536)), '202'),
  asks('P01', 'a message of 65,537 bytes', post('{"room":"p","data":1}'.padEnd(65_537)), '413'),
  asks(
    'P01',
    'a byte more, by its length',
    request(`POST ${MESSAGES}`, [JSON_TYPE, `Content-Length: ${MIB + 1}`]),
    '413, closed',
  ),
  asks(
    'P01',
    'far more, by its length',
    request(`POST ${MESSAGES}`, [JSON_TYPE, 'Content-Length: 99999999999999']),
    '413, closed',
  ),
  asks(
    'P01',
    'a byte more, in chunks',
    request(`POST ${MESSAGES}`, CHUNKED, chunk(MIB / 2) + chunk(MIB / 2) + chunk(1)),
    '413, closed',
  ),
  asks('P01', '20 MiB, sent whatever is answered', post(' '.repeat(20 * MIB)), '413, closed'),
  asks('P02', 'bad JSON', post('{"data":hunter2}'), '400'),
  asks('P02', 'nothing', post(''), '400'),
  asks('P02', 'a null', post('null'), '400'),
  asks('P02', '500,000 levels', post('['.repeat(500_000)), '400'),
  asks('P02', '101 messages', post(JSON.stringify(Array(101).fill({ room: 'p', data: 1 }))), '400'),
  asks('P02', 'a room that is a pattern', post('{"room":"hunter2*","data":1}'), '400'),
  typed('no content type', []),
  typed('text/plain', ['Content-Type: text/plain']),
  typed('a form', ['Content-Type: application/x-www-form-urlencoded']),
  typed('charset=latin1', ['Content-Type: application/json; charset=latin1']),
  typed('charset=utf-16', ['Content-Type: application/json; charset="utf-16"']),
  ...[
    '/health',
    '/ready',
    '/metrics',
    `${BASE}/ws`,
    `${BASE}/ws/general`,
    `${BASE}/ws/stats`,
    `${BASE}/rooms/a`,
    `${BASE}/rooms/a/messages`,
  ].flatMap((target) =>
    ['POST', 'OPTIONS'].map((method) =>
      asks('P03', `${method} ${target}`, request(`${method} ${target}`), `405 allow: ${READ}`),
    ),
  ),
  asks('P03', `GET ${MESSAGES}`, request(`GET ${MESSAGES}`), '405 allow: POST'),
  asks('P03', 'a method that nobody knows', request('BREW /health'), '400, closed'),
  asks('P03', 'CONNECT', request('CONNECT evil:443'), '405 allow: GET, HEAD, POST, DELETE, closed'),
  asks('P03', 'OPTIONS *', request('OPTIONS *'), '405 allow: GET, HEAD, POST, DELETE'),
  asks('P03', 'PUT *', request('PUT *'), '405 allow: GET, HEAD, POST, DELETE'),
  asks('P03', 'TRACE', request('TRACE /health', ['X: hunter2']), `405 allow: ${READ}`),
  asks('P03', 'an unknown path', request('GET /evil'), '404'),
  asks(
    'P03',
    'a body to what has none',
    request('POST /evil', [JSON_TYPE, 'Content-Length: 99999999']),
    '404, closed',
  ),
  asks('P05', 'CR LF in a room', request(`GET ${BASE}/rooms/a%0d%0aSet-Cookie:%20evil=1`), '400'),
  asks(
    'P05',
    'CR LF in a query',
    request(`GET ${BASE}/ws/stats?room=a%0d%0aSet-Cookie:%20evil=1`),
    '400',
  ),
  asks('P05', 'Host: evil', request(`GET ${BASE}/ws`, []).replace('Host: x', 'Host: evil'), '426'),
  asks('P05', 'two Hosts', request('GET /health', ['Host: evil']), '400, closed'),
  ...BAD_HOSTS.map((host) =>
    asks('P05', `Host: ${host}`, request('GET /health').replace('x', host), '400, closed'),
  ),
  asks('P05', 'an empty Host', request('GET /health').replace('x', ''), '200'),
  asks('P05', 'no Host', 'GET /health HTTP/1.1\r\n\r\n', '400, closed'),
  asks('P05', 'no Host, as HTTP/1.0', 'GET /health HTTP/1.0\r\n\r\n', '200, closed'),
  asks('P06', 'another expectation', request('GET /health', ['Expect: hunter2']), '417, closed'),
  {
    row: 'P06',
    sent: 'Expect: 100-continue',
    due: '100, then 202',
    play: async (stage) => {
      const client = await stage.raw();
      const body = '{"room":"p","data":1}';
      client.write(
        request(`POST ${MESSAGES}`, [
          JSON_TYPE,
          'Expect: 100-continue',
          `Content-Length: ${body.length}`,
        ]),
      );
      await until('100', () => client.text().includes('\r\n\r\n'));
      const first = client.text().slice(9, 12);
      client.write(body);
      await until('the answer', () => (client.text().match(/^HTTP\/1\.1/gm) ?? []).length === 2);
      return `${first}, then ${/HTTP\/1\.1 ([2-5]\d\d)/.exec(client.text())?.[1] ?? ''}`;
    },
  },
  asks(
    'P06',
    'Expect: 100-continue, and far too long',
    request(`POST ${MESSAGES}`, [JSON_TYPE, 'Expect: 100-continue', `Content-Length: ${MIB + 1}`]),
    '413, closed',
  ),
  asks(
    'P06',
    'a body in gzip',
    post('{"data":1}', [JSON_TYPE, 'Content-Encoding: gzip']),
    '415, closed',
  ),
  path('//', '404'),
  path(`${BASE}/ws/`, '400'),
  path(`${BASE}/ws/a/b`, '400'),
  path('/%00', '404'),
  path('/%zz', '400, closed'),
  path('/..;/', '404'),
  path('/../../etc/passwd', '404'),
  path('/%2e%2e/%2e%2e/etc/passwd', '404'),
  path('*', '404'),
  path(`${BASE}/rooms/%00`, '400'),
  path(`${BASE}/rooms/%E0%A4%A`, '400, closed'),
  path(`${BASE}/rooms/../ws/stats`, '404'),
  path(`${BASE}/rooms/a/messages?after=%zz`, '400'),
  path(`${BASE}/rooms/a/messages?after=hunter2`, '400'),
  path(`${BASE}/rooms/a/messages?__proto__=1&constructor[prototype]=1`, '400'),
  path(`/health?${'x'.repeat(8_000)}`, '200'),
  path(`/${'x'.repeat(8_000)}`, '404'),
  {
    row: 'P08',
    sent: '100 GETs and HEADs in one write',
    due: '100 answers in order',
    play: async (stage) => {
      const client = await stage.raw();
      const methods = Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? 'HEAD' : 'GET'));
      client.write(
        methods.map((method, i) => request(`${method} ${BASE}/ws/stats?room=p${i}`)).join(''),
      );
      await until(
        'all of them',
        () => (client.text().match(/HTTP\/1\.1 200/g) ?? []).length === 100,
      );
      const names = client.text().match(/"name":"p\d+"/g) ?? [];
      const due = methods.flatMap((method, i) => (method === 'GET' ? [`"name":"p${i}"`] : []));
      return `100 answers ${names.join() === due.join() ? 'in' : 'out of'} order`;
    },
  },
  {
    row: 'P08',
    sent: '1,900 GETs in one write',
    due: 'cut',
    counted: once('rejected 429'),
    play: async (stage) => {
      const client = await stage.raw();
      client.write(request('GET /metrics').repeat(1_900));
      await client.ended();
      return 'cut';
    },
  },
  {
    row: 'P08',
    sent: 'a request hidden in a body that is refused',
    due: 'one answer',
    counted: once('rejected 415'),
    play: async (stage) => {
      const client = await stage.raw();
      client.write(post(request('GET /health'), ['Content-Type: text/plain']));
      await client.ended();
      const answers = client.text().match(/HTTP\/1\.1 \d+/g) ?? [];
      return answers.length === 1 ? 'one answer' : answers.join();
    },
  },
  {
    row: 'P09',
    sent: 'any of the errors above',
    due: 'problems without a stack or a version, nosniff, no-store',
    // each of them was judged by `isProblem`
    play: async () => 'problems without a stack or a version, nosniff, no-store',
  },
  {
    row: 'P10',
    sent: 'rooms called hunter2, joined, posted to, asked for',
    due: 'in no metric',
    play: async (stage) => {
      const client = await stage.connect('/ws/hunter2');
      client.send({ type: 'chat', data: 1 });
      await client.received({ type: 'chat' });
      await stage.get(`${BASE}/ws/stats?room=hunter2`);
      await stage.get(`${BASE}/rooms/hunter2/messages`);
      const body = await stage.metrics();
      return body.includes('hunter2') || body.includes(client.id) ? 'in a metric' : 'in no metric';
    },
  },
];

const late = (sent: string, headers: readonly string[], begun: string): Row => ({
  row: 'P06',
  sent,
  due: '408, closed',
  counted: COUNTED_LATE,
  play: async (stage) => {
    const client = await stage.raw();
    client.write(request(`POST ${MESSAGES}`, [JSON_TYPE, ...headers], begun));
    return answerOf(client);
  },
});

const COUNTED_LATE: Counted = once('rejected 408');

/** Those that take their time, on a pod with HANDSHAKE_TIMEOUT_MS. */
export const SLOW_REQUESTS: readonly Row[] = [
  late('a body that does not come', ['Content-Length: 100'], '{"data"'),
  late('chunks that do not come', ['Transfer-Encoding: chunked'], '5\r\n{"dat'),
];
