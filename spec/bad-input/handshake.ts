/** H: what comes before the first frame. All of it byte for byte. */
import { BASE } from '../support/pod.js';
import { BINARY, frame, handshakeOf, KEY, TEXT } from '../support/raw-client.js';
import { until } from '../support/redis.js';
import { once, orElse, type Row } from './row.js';

export const MAX_CONNECTIONS = 6;
const ORIGIN = 'https://app.example.com';

/** Of the pod. */
export const ENV = { MAX_CONNECTIONS: `${MAX_CONNECTIONS}`, ALLOWED_ORIGINS: ORIGIN };

const GENERAL = `${BASE}/ws/general`;
/** RFC 6455 §1.3, of the key above. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** The headers of a refusal that are checked, in the order in which they are shown. */
const SHOWN_HEADERS = [
  'allow',
  'upgrade',
  'sec-websocket-version',
  'www-authenticate',
  'retry-after',
];

/**
 * Sends bytes on a socket of their own; resolves with the status of the answer and the headers that matter.
 */
const sendBytes =
  (bytes: string | Buffer): Row['play'] =>
  async (stage) => {
    const client = await stage.raw();
    client.write(bytes);
    const { status, headers, body } = await client.answer();
    if (status === 101) {
      if (headers.get('sec-websocket-accept') !== ACCEPT) return '101 with another accept';
      await until('joined', () => client.texts().some((text) => text.includes('"joined"')));
      const [protocol, extensions] = ['protocol', 'extensions'].map((name) =>
        headers.get(`sec-websocket-${name}`),
      );
      return ['101', protocol, extensions].filter((text) => text !== undefined).join(' ');
    }
    if (/evil|Set-Cookie|hunter2/.test(body)) return `${status}, which echoes: ${body}`;
    if (!isProblem(status, headers, body)) return `${status}, no problem: ${body}`;
    await client.ended();
    const shown = SHOWN_HEADERS.flatMap((name) =>
      headers.has(name) ? [`${name}: ${headers.get(name) ?? ''}`] : [],
    );
    return [String(status), ...shown].join(', ');
  };

/** RFC 9457, and nothing that may be kept or guessed at. */
export const isProblem = (
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): boolean => {
  if (headers.get('content-type')?.split(';')[0] !== 'application/problem+json') return false;
  if (
    headers.get('x-content-type-options') !== 'nosniff' ||
    headers.get('cache-control') !== 'no-store'
  )
    return false;
  if (headers.has('server') || headers.has('x-powered-by')) return false;
  const problem = JSON.parse(body) as Readonly<Record<string, unknown>>;
  return (
    problem['status'] === status &&
    [problem['title'], problem['detail']].every(
      (text) => typeof text === 'string' && text !== '',
    ) &&
    !/node_modules|\.js\b|\bat .*:\d+:\d+/.test(body)
  );
};

const refused = (row: string, sent: string, bytes: string | Buffer, due: string): Row => ({
  row,
  sent,
  due,
  counted: once(`rejected ${due.slice(0, 3)}`),
  play: sendBytes(bytes),
});

const letIn = (row: string, sent: string, bytes: string, due = '101'): Row => ({
  row,
  sent,
  due,
  play: sendBytes(bytes),
});

type Headers = Readonly<Record<string, string | undefined>>;
const general = (headers: Headers, line?: string): string => handshakeOf(GENERAL, headers, line);
const room = (name: string): string => handshakeOf(`${BASE}/ws/${name}`);

const VERSION = '426, upgrade: websocket, sec-websocket-version: 13';
const UPGRADE = '426, upgrade: websocket';
const ALLOW = '405, allow: GET';
const LONG = 'x'.repeat(17_000);
/** As many headers as Node reads. It drops later ones, so the needed headers come first. */
const tiny = (name: (i: number) => string): Headers =>
  Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [name(i), '']));

/** More headers than Node counts by default, in less than its 16 KB. */
const MANY = tiny((i) => i.toString(36));

const badRoom = (row: string, sent: string, name: string): Row =>
  refused(row, sent, room(name), '400');

const version = (row: string, sent: string, text: string | undefined): Row => ({
  ...refused(row, sent, general({ 'Sec-WebSocket-Version': text }), VERSION),
  contract: '426',
});

/** Whether they can be a host and a port at all (RFC 3986 §3.2.2): which one it is, is a proxy's to know. */
export const BAD_HOSTS = [
  ...[
    'evil/x',
    'user@evil',
    'a b',
    'a<b',
    'a"b',
    'a\\b',
    'caf\u00e9',
    'a%zz',
    'a:8000x',
    'a:80:80',
  ],
  ...['[::1', '::1', '[::1]x', 'a?b', 'a#b', '{evil}'],
];
const GOOD_HOSTS = ['chat_1.example.', 'a%20b', 'x:', '[::1]:8000', '[v1.a:b]', 'LOCALHOST:8000'];

export const HANDSHAKES: readonly Row[] = [
  version('H01', 'version 12', '12'),
  version('H01', 'no version', undefined),
  version('H01', 'two versions', '13, 8'),
  version('H02', 'version 8', '8'),
  refused('H03', 'no key', general({ 'Sec-WebSocket-Key': undefined }), '400'),
  ...[15, 17].map((bytes) =>
    refused(
      'H03',
      `a key of ${bytes} bytes`,
      general({ 'Sec-WebSocket-Key': Buffer.alloc(bytes).toString('base64') }),
      '400',
    ),
  ),
  refused(
    'H03',
    'a key that is not base64',
    general({ 'Sec-WebSocket-Key': `${'~'.repeat(22)}==` }),
    '400',
  ),
  refused('H03', 'two keys', general({ 'sec-websocket-key': KEY }), '400'),
  refused('H04', 'Upgrade: h2c', general({ Upgrade: 'h2c' }), '400'),
  refused('H04', 'a body', general({ 'Content-Length': '7' }), '400'),
  refused('H04', 'a body in chunks', general({ 'Transfer-Encoding': 'chunked' }), '400'),
  refused('H04', 'a list of protocols', general({ Upgrade: 'websocket, h2c' }), '400'),
  refused('H05', 'Connection without upgrade', general({ Connection: 'close' }), UPGRADE),
  refused('H05', 'no Upgrade', general({ Upgrade: undefined, Connection: 'close' }), UPGRADE),
  refused('H06', 'POST', general({ 'Content-Length': '0' }, `POST ${GENERAL} HTTP/1.1`), ALLOW),
  refused('H06', 'PUT', general({}, `PUT ${GENERAL} HTTP/1.1`), ALLOW),
  refused('H07', 'HTTP/1.0', general({}, `GET ${GENERAL} HTTP/1.0`), '400'),
  refused('H08', 'no Host', general({ Host: undefined }), '400'),
  refused('H08', 'an empty Host', general({ Host: '' }), '400'),
  refused('H08', 'two Hosts', general({ host: 'evil' }), '400'),
  refused('H08', 'two Hosts, far apart', general({ ...MANY, host: 'evil' }), '400'),
  refused('H08', 'two Hosts, the same', general({ host: '127.0.0.1' }), '400'),
  ...BAD_HOSTS.map((host) => refused('H08', `Host: ${host}`, general({ Host: host }), '400')),
  ...GOOD_HOSTS.map((host) => letIn('H08', `Host: ${host}`, general({ Host: host }))),
  refused('H09', 'an unknown path', handshakeOf(`${BASE}/nowhere`), '404'),
  refused('H09', 'a path that begins like ours', handshakeOf(`${BASE}/wsx`), '404'),
  refused('H09', 'no path but slashes', handshakeOf('//'), '404'),
  refused('H09', '/ws/', room(''), '400'),
  letIn('H09', '/ws', handshakeOf(`${BASE}/ws`)),
  letIn('H09', 'the whole URL', handshakeOf(`http://chat.example:8000${GENERAL}?last_id=null,`)),
  refused(
    'H09',
    'the whole URL, with a bad room',
    handshakeOf(`http://chat.example${BASE}/ws/*`),
    '400',
  ),
  refused('H09', 'the whole URL of elsewhere', handshakeOf('http://evil/nowhere'), '404'),
  refused('H10', 'a header of 17 kB', general({ X: LONG }), '431'),
  refused('H10', 'a URL of 17 kB', handshakeOf(`${GENERAL}?x=${LONG}`), '431'),
  refused('H11', '2,000 headers, 20 kB', general(tiny((i) => `x-tiny-${i}`)), '431'),
  letIn('H11', '2,000 headers, 12 kB', general(MANY)),
  refused('H12', 'a NUL in a header', general({ X: 'a\0b' }), '400'),
  refused('H12', 'a bare LF in a header', general({ X: 'a\nb' }), '400'),
  refused('H12', 'a folded header', general({ X: 'a\r\n b' }), '400'),
  refused('H12', 'a space before the colon', general({ 'X ': 'a' }), '400'),
  refused(
    'H13',
    'Transfer-Encoding and Content-Length',
    general({ 'Transfer-Encoding': 'chunked', 'Content-Length': '3' }),
    '400',
  ),
  refused('H13', 'garbage', 'hello\r\n\r\n', '400'),
  refused('H13', 'a TLS hello', Buffer.from('16030100c8010000c40303', 'hex'), '400'),
  refused(
    'H14',
    'protocols with a hole: a,,b',
    general({ 'Sec-WebSocket-Protocol': 'a,,b' }),
    '400',
  ),
  letIn(
    'H14',
    'protocols that we do not know',
    general({ 'Sec-WebSocket-Protocol': 'mqtt, soap' }),
  ),
  letIn(
    'H14',
    'ours among others',
    general({ 'Sec-WebSocket-Protocol': 'mqtt, realtime.v1' }),
    '101 realtime.v1',
  ),
  letIn('H15', 'extensions that cannot be read', general({ 'Sec-WebSocket-Extensions': ';;,=' })),
  letIn(
    'H15',
    'extensions constructor, __proto__',
    general({ 'Sec-WebSocket-Extensions': 'constructor, __proto__; x=1' }),
  ),
  refused(
    'H16',
    'an origin that is not allowed',
    general({ Origin: 'https://evil.example' }),
    '403',
  ),
  refused(
    'H16',
    'behind 2,000 other headers',
    general({ ...MANY, Origin: 'https://evil.example' }),
    '403',
  ),
  refused('H16', 'Origin: null', general({ Origin: 'null' }), '403'),
  refused('H16', 'an origin that begins like ours', general({ Origin: `${ORIGIN}.evil` }), '403'),
  refused(
    'H16',
    'an origin that ends like ours',
    general({ Origin: 'https://evil-app.example.com' }),
    '403',
  ),
  refused('H16', 'ours with another port', general({ Origin: `${ORIGIN}:444` }), '403'),
  refused('H16', 'ours with another scheme', general({ Origin: 'http://app.example.com' }), '403'),
  letIn('H16', 'no Origin', general({})),
  letIn(
    'H05',
    'Upgrade in capitals',
    general({ Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' }),
  ),
  letIn('H16', 'one that is allowed', general({ Origin: ORIGIN })),
  letIn(
    'H16',
    'our own, as Host says',
    general({ Host: 'chat.example:8000', Origin: 'http://chat.example:8000' }),
  ),
  letIn(
    'H16',
    'our own behind TLS',
    general({ Host: 'chat.example', Origin: 'https://chat.example' }),
  ),
  letIn(
    'H16',
    'our own, where a proxy says the default port',
    general({ Host: 'Chat.Example:443', Origin: 'https://chat.example' }),
  ),
  refused(
    'H16',
    'our own name with the port of the other scheme',
    general({ Host: 'chat.example:80', Origin: 'https://chat.example' }),
    '403',
  ),
  badRoom('H17', '129 characters', 'x'.repeat(129)),
  badRoom('H17', 'spaces', '%20%20'),
  letIn('H17', '128 characters', room('x'.repeat(128))),
  badRoom('H17', 'a space inside', 'a%20b'),
  badRoom('H18', 'NUL', '%00'),
  badRoom('H18', 'CR LF', 'a%0d%0aSet-Cookie:x'),
  badRoom('H18', 'U+202E', '%E2%80%AE'),
  badRoom('H18', 'U+200B', 'a%E2%80%8B'),
  badRoom('H18', 'half a surrogate pair', '%ED%A0%80'),
  badRoom('H18', 'UTF-8 cut off', '%E0%A4%A'),
  badRoom('H18', 'half an escape', '%'),
  badRoom('H19', 'a letter beyond ASCII', 'caf%C3%A9'),
  badRoom('H20', '__proto__', '__proto__'),
  letIn('H20', 'constructor', room('constructor')),
  letIn('H20', 'toString', room('toString')),
  ...['..', '%2e%2e', '%2e%2e/admin', 'a/b', 'a%2Fb'].map((name) => badRoom('H21', name, name)),
  ...['*', 'a*', '%3F', '[ab]', '%5C'].map((name) => badRoom('H22', name, name)),
  ...['{a}', '-a', '.a', 'a,b'].map((name) => badRoom('H23', name, name)),
  letIn('H23', 'a:b', room('a:b')),
  refused('H23', 'stats, which is reserved', room('stats'), '400'),
  refused('H23', 'a pattern by query', handshakeOf(`${BASE}/ws?room=*`), '400'),
  refused('H23', 'two rooms, path and query', handshakeOf(`${GENERAL}?room=other`), '400'),
  refused('H23', 'stats by query', handshakeOf(`${BASE}/ws?room=stats`), '400'),
  ...['junk', ',junk', 'null,null,null', '&last_id='].map((text) =>
    refused('J13', `handshake, last_id=${text}`, handshakeOf(`${GENERAL}?last_id=${text}`), '400'),
  ),
  {
    row: 'H24',
    sent: 'a frame and a half in the packet of the handshake',
    due: 'both heard once',
    play: async (stage) => {
      const client = await stage.raw();
      const [whole, split] = ['whole', 'split'].map((data) =>
        frame(TEXT, JSON.stringify({ type: 'chat', data })),
      );
      client.write(Buffer.concat([Buffer.from(general({})), whole!, split!.subarray(0, 9)]));
      const times = (data: string): number =>
        stage.received().filter((message) => message.data === data).length;
      await until('the first', () => times('whole') > 0);
      client.write(split!.subarray(9));
      await until('the second', () => times('split') > 0);
      return times('whole') + times('split') === 2 ? 'both heard once' : 'heard more than once';
    },
  },
  {
    row: 'H24',
    sent: 'frames behind a handshake that is refused',
    due: '400',
    counted: once('rejected 400'),
    play: async (stage) => {
      const text = JSON.stringify({ type: 'chat', room: '', data: 'refused' });
      const answered = await sendBytes(
        Buffer.concat([Buffer.from(room('*')), frame(TEXT, text), frame(BINARY)]),
      )(stage);
      return stage.received().some(({ data }) => data === 'refused') ? 'heard' : answered;
    },
  },
  {
    row: 'H25',
    sent: 'one connection too many',
    due: '503, retry-after: 1; 101 when one has gone',
    counted: once('rejected 503'),
    play: async (stage) => {
      const others = await Promise.all(
        Array.from({ length: MAX_CONNECTIONS - 2 }, () => stage.member()),
      );
      const full = await sendBytes(general({}))(stage);
      others[0]?.destroy();
      const isIn = async (): Promise<boolean> => (await sendBytes(general({}))(stage)) === '101';
      const before = await stage.get(`${BASE}/ws/stats`);
      await until(
        'a place',
        async () =>
          (
            JSON.parse((await stage.get(`${BASE}/ws/stats`)).body) as {
              readonly connections: number;
            }
          ).connections < MAX_CONNECTIONS,
      );
      return `${full}; ${before.status === 200 && (await isIn()) ? '101' : 'none'} when one has gone`;
    },
  },
];

/** Those that take their time, on a pod with HANDSHAKE_TIMEOUT_MS. */
export const SLOW_HANDSHAKES: readonly Row[] = [
  {
    row: 'H26',
    sent: 'a handshake of one header a tenth of a second',
    due: '408',
    counted: once('rejected 408'),
    play: async (stage) => {
      const client = await stage.raw();
      client.write(`GET ${GENERAL} HTTP/1.1\r\n`);
      const drip = setInterval(() => client.write('X-Slow: 1\r\n'), 100);
      const { status, headers, body } = await client.answer();
      clearInterval(drip);
      await client.ended();
      return isProblem(status, headers, body) ? String(status) : body;
    },
  },
  {
    row: 'H26',
    sent: 'half a handshake',
    due: '408',
    counted: once('rejected 408'),
    play: async (stage) => {
      const client = await stage.raw();
      client.write(general({}).slice(0, 40));
      const { status } = await client.answer();
      await client.ended();
      return String(status);
    },
  },
  {
    row: 'H27',
    sent: 'a socket that says nothing',
    due: /^(408, )?ended$/,
    counted: once('rejected 408'),
    play: async (stage) => {
      const client = await stage.raw();
      await client.ended();
      const status = await orElse(
        client.answer().then(({ status }) => `${status}, `),
        '',
      );
      return `${status}ended`;
    },
  },
];
