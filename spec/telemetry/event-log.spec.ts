/**
 * The hub's events as log lines: at `debug` each connection and each refusal, never the data of a message.
 */
import { pino } from 'pino';
import t from 'tap';
import { originText } from '../../lib/connection/requester.js';
import type { HubEvent } from '../../lib/hub-event.js';
import { eventLog } from '../../lib/telemetry/event-log.js';
import { ask, BASE, startPod } from '../support/pod.js';
import { handshakeOf } from '../support/raw-client.js';
import { until } from '../support/redis.js';

type Line = Readonly<Record<string, unknown>>;

const journalAt = (level: string, hasBroker = true, now = (): number => 0) => {
  const lines: Line[] = [];
  const write = (text: string): void => void lines.push(JSON.parse(text) as Line);
  return { lines, record: eventLog(pino({ level }, { write }), now, hasBroker) };
};

t.test('when the level is debug, then each connection and each refusal has a line', async (t) => {
  const { lines, record } = journalAt('debug');
  const onEvent = (event: HubEvent): void => record(event);
  const server = { trustedProxies: ['127.0.0.1'] };
  const pod = await startPod(t, { server, access: { authEnabled: false } }, { onEvent });
  const client = await pod.connect('/ws/general?token=secret', {
    headers: { 'X-Forwarded-For': '203.0.113.7' },
  });
  client.send({ type: 'chat', data: 'nothing of this' });
  await client.received({ data: 'nothing of this' });
  const opened = lines.find(({ msg }) => msg === 'connection: opened');
  t.match(opened, { level: 20, room: 'general', user: null, address: '203.0.113.7' });
  await client.close();
  await until('it has gone', () => lines.some(({ msg }) => msg === 'connection: closed'));
  t.match(
    lines.find(({ msg }) => msg === 'connection: closed'),
    { connection: opened?.['connection'], address: '203.0.113.7', code: 1000, by: 'client' },
  );

  const page = await pod.raw();
  page.write(handshakeOf(`${BASE}/ws/general?token=secret`, { Origin: 'https://evil.example' }));
  t.equal((await page.answer()).status, 403);
  t.match(
    lines.find(({ msg }) => msg === 'connection: refused'),
    {
      status: 403,
      reason: /Origin/,
      address: '127.0.0.1',
      room: 'general',
      origin: 'https://evil.example',
      path: `${BASE}/ws/general`,
    },
  );
  await pod.get('/nothing-here?token=secret');
  t.match(
    lines.find(({ msg }) => msg === 'request: refused'),
    { status: 404, method: 'GET', path: '/nothing-here', address: '127.0.0.1' },
  );
  t.notMatch(JSON.stringify(lines), /secret|nothing of this/);
});

t.test('when the level is info, then the address of a peer is not computed', async (t) => {
  const { lines, record } = journalAt('info');
  const peer = (): never => t.fail('asked') as never;
  record({ _tag: 'Connected', peer });
  record({ _tag: 'Disconnected', code: null, peerCode: 1006, peer, life: peer });
  record({ _tag: 'HandshakeRefused', status: 403, reason: 'no', requester: peer });
  t.strictSame(lines, []);
});

t.test('when members are sent a gap, then a debug line names the room', async (t) => {
  const { lines, record } = journalAt('debug');
  record({ _tag: 'GapSent', room: 'general', reason: 'expired', members: 2 });
  record({ _tag: 'GapSent', room: 'other', reason: 'expired', members: 1 });
  t.match(
    lines.filter(({ msg }) => msg === 'room: gap'),
    [
      { level: 20, room: 'general', reason: 'expired', members: 2 },
      { room: 'other', members: 1 },
    ],
  );
  t.equal(lines.filter(({ level }) => level === 40).length, 1, 'the warning comes once a minute');
});

t.test(
  'when a page of another origin is refused, then one warning a minute names it',
  async (t) => {
    const page = 'http://my-preview-of-a-long-branch-name.example:3000';
    const ways: Readonly<Record<string, (pod: Awaited<ReturnType<typeof startPod>>) => unknown>> = {
      handshake: async (pod) => {
        const raw = await pod.raw();
        raw.write(handshakeOf(`${BASE}/ws/general?token=secret`, { Origin: page }));
        t.match(await raw.answer(), { status: 403, body: /ALLOWED_ORIGINS/ });
      },
      request: ({ port }) =>
        ask({ port, path: `${BASE}/rooms/r`, method: 'GET', headers: { Origin: page } }),
      'no such path': ({ port }) =>
        ask({ port, path: '/nothing', method: 'GET', headers: { Origin: page } }),
      preflight: ({ port }) =>
        ask({
          port,
          path: `${BASE}/rooms/r`,
          method: 'OPTIONS',
          headers: { Origin: page, 'Access-Control-Request-Method': 'GET' },
        }),
    };
    for (const [name, way] of Object.entries(ways)) {
      const { lines, record } = journalAt('info');
      const pod = await startPod(t, {}, { onEvent: (event) => record(event) });
      await way(pod);
      await way(pod);
      await ask({
        port: pod.port,
        path: '/ready',
        method: 'GET',
        headers: { Origin: `http://127.0.0.1:${pod.port}` },
      });
      t.match(
        lines.filter(({ level }) => Number(level) >= 40),
        [{ level: 40, origin: page, msg: /ALLOWED_ORIGINS/, repeated: 0 }],
        name,
      );
      t.equal(lines.filter(({ level }) => Number(level) >= 40).length, 1, name);
    }
  },
);

t.test('when the origin null is refused, then the line says what to do instead', async (t) => {
  const { lines, record } = journalAt('info');
  for (const origin of ['null', 'https://a.example']) record({ _tag: 'OriginRefused', origin });
  t.match(lines[0], { origin: 'null', hint: /file .* serve it over http or https/ });
  t.notMatch(lines[1], { hint: /./ });
});

t.test('when an Origin is no origin, then a secret in it is not logged', async (t) => {
  t.equal(originText('https://a.example'), 'https://a.example');
  t.equal(originText('null'), 'null');
  t.equal(originText(`https://${'Ab1'.repeat(10)}.x`), 'https://***');
  t.equal(originText(`https://${'a'.repeat(16_000)}`).length < 140, true);
});

t.test('when tokens are refused, then each reason and claim has one line a minute', async (t) => {
  const { lines, record } = journalAt('info');
  const exp = { _tag: 'InvalidClaim', expected: 'exp: seconds since 1970, a number' } as const;
  const sub = { _tag: 'InvalidClaim', expected: 'sub: 1 to 255 characters' } as const;
  for (const denial of [exp, sub, exp, { _tag: 'Expired' } as const, sub])
    record({ _tag: 'Denied', denial });
  t.match(lines, [
    { reason: 'InvalidClaim', expected: /^exp/, repeated: 0 },
    { reason: 'InvalidClaim', expected: /^sub/, repeated: 0 },
    { reason: 'Expired' },
  ]);
  t.equal(lines.length, 3);
});

t.test('when two hooks fail and two kinds of gaps are sent, then each has a line', async (t) => {
  const { lines, record } = journalAt('info');
  for (const hook of ['onMessage', 'onConnect', 'onMessage'])
    record({ _tag: 'HookFailed', hook, error: new Error('no') });
  for (const reason of ['expired', 'broker_outage', 'expired'] as const)
    record({ _tag: 'GapSent', room: 'r', reason, members: 1 });
  t.match(lines, [
    { hook: 'onMessage' },
    { hook: 'onConnect' },
    { reason: 'expired' },
    { reason: 'broker_outage' },
  ]);
  t.equal(lines.length, 4);
});

t.test('when Redis refuses channels, then each right that is missing has a line', async (t) => {
  const { lines, record } = journalAt('info');
  const detail = 'NOPERM No permissions to access a channel';
  for (const right of ['+subscribe &realtime:room:*', '+subscribe &realtime:control'])
    for (let i = 0; i < 2; i++) record({ _tag: 'Refused', detail, right });
  t.match(lines, [
    { level: 40, detail, right: '+subscribe &realtime:room:*' },
    { level: 40, right: '+subscribe &realtime:control' },
  ]);
  t.equal(lines.length, 2);
});

t.test('when there is no Redis, then no line is about other pods', async (t) => {
  const { lines, record } = journalAt('info', false);
  record({ _tag: 'StatusChanged', status: { _tag: 'Up', since: 0 } });
  t.strictSame(lines, []);
});

t.test('when payloads are dropped for two reasons, then each reason has a line', async (t) => {
  const { lines, record } = journalAt('info');
  const drop = (detail: string): void => record({ _tag: 'PayloadDropped', detail });
  drop('data: expected a value, got none');
  drop('data: expected a value, got another');
  drop('type: expected a text, got 1');
  t.equal(lines.length, 2);
  for (let i = 0; i < 1_000; i++) drop(`field ${i}: expected nothing, got 1`);
  t.ok(lines.length < 300, 'a neighbour cannot make reasons without end');
});

t.test('when pages of two origins are refused, then each origin has a line', async (t) => {
  const { lines, record } = journalAt('info');
  const refuse = (origin: string): void => record({ _tag: 'OriginRefused', origin });
  for (const origin of ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://localhost:3000'])
    refuse(origin);
  t.strictSame(
    lines.map(({ origin }) => origin),
    ['http://localhost:3000', 'http://127.0.0.1:3000'],
  );
});

t.test('when a denial has no `expected`, then the line adds it', async (t) => {
  const { lines, record } = journalAt('info');
  const expected = {
    Missing: /Bearer TOKEN.* subprotocol bearer\.TOKEN.* X-API-Key/,
    Untrusted: /JWT_SECRET/,
    Expired: /^a token whose exp is in the future; compare the clocks/,
    NotYetValid: /^nbf and iat at most 30 s in the future; compare the clocks/,
    WrongUser: /sub of the connection/,
    UnknownKey: /API_KEYS/,
    Unavailable: /JWT_JWKS_URL: they could not be read/,
  } as const;
  for (const _tag of Object.keys(expected) as readonly (keyof typeof expected)[])
    record({ _tag: 'Denied', denial: { _tag } });
  t.match(
    lines,
    Object.values(expected).map((each) => ({ expected: each })),
  );
});

t.test(
  'when many origins have filled the list of reasons, then each has a line again a minute later',
  async (t) => {
    let now = 0;
    const { lines, record } = journalAt('info', true, () => now);
    const refuse = (origin: string): void => record({ _tag: 'OriginRefused', origin });
    for (let i = 0; i < 300; i++) refuse(`https://${i}.example`);
    now = 60_000;
    const before = lines.length;
    for (const origin of ['https://one.example', 'https://two.example']) refuse(origin);
    t.strictSame(
      lines.slice(before).map(({ origin }) => origin),
      ['https://one.example', 'https://two.example'],
    );
  },
);

t.test('when a connection ends, then its line has seconds and counts both ways', async (t) => {
  const { lines, record } = journalAt('debug');
  const onEvent = (event: HubEvent): void => record(event);
  const pod = await startPod(t, {}, { onEvent });
  const client = await pod.connect('/ws/general');
  await client.caughtUp();
  const before = lines.length;
  for (const data of [1, 2, 3]) client.send({ type: 'chat', data });
  // a refused frame was read, and its error was sent
  client.send('{');
  await client.received({ type: 'error' });
  await client.caughtUp();
  t.equal(lines.length, before, 'no line for a message');
  const got = client.messages.length;
  await client.close();
  await until('it has gone', () => lines.some(({ msg }) => msg === 'connection: closed'));
  const closed = lines.find(({ msg }) => msg === 'connection: closed');
  // `caughtUp` sends a ping each time
  t.match(closed, { messages_in: 6, messages_out: got });
  const seconds = Number(closed?.['seconds']);
  t.ok(seconds >= 0 && seconds < 30, `${seconds} s`);
});

t.test('when the archive is interrupted and restored, then both have a line', async (t) => {
  let now = 0;
  const { lines, record } = journalAt('info', true, () => now);
  const interrupt = (detail: string): void =>
    record({ _tag: 'ArchiveInterrupted', reason: 'Unavailable', detail });
  record({ _tag: 'ArchiveRestored' });
  interrupt('ECONNREFUSED');
  record({ _tag: 'ArchiveRestored' });
  t.match(lines, [
    { level: 30, msg: /^archive: up/ },
    { level: 40, msg: /^archive: .*unavailable$/, reason: 'Unavailable', detail: 'ECONNREFUSED' },
    { level: 30, msg: /^archive: up/ },
  ]);
  // a full disk: probes succeed, and messages fail
  for (let i = 0; i < 15; i++) {
    interrupt('53100');
    now += 100;
    record({ _tag: 'ArchiveRestored' });
  }
  t.equal(lines.length, 5, 'one pair a second');
  t.match(lines[3], { detail: '53100', repeated: 10 });
  now += 5_000;
  interrupt('ECONNREFUSED');
  t.match(lines[5], { level: 40, detail: 'ECONNREFUSED', repeated: 4 }, 'each outage has a line');
});

t.test('when messages are stored, then no batch has a line', async (t) => {
  const { lines, record } = journalAt('trace');
  record({ _tag: 'ArchiveStored', messages: 3, seconds: 0.1 });
  t.strictSame(lines, []);
});

t.test('when a message is poison, then an error has its id and where it is', async (t) => {
  const { lines, record } = journalAt('info');
  const detail = 'invalid byte sequence (22021)';
  for (const id of ['a', 'b']) record({ _tag: 'ArchivePoison', id, detail });
  t.match(lines, [{ level: 50, id: 'a', detail, msg: /in the table rejected/ }]);
  t.equal(lines.length, 1, 'once a minute for each reason');
});

t.test('when old days are removed or upkeep fails, then each has a line', async (t) => {
  const { lines, record } = journalAt('info');
  record({ _tag: 'ArchivePruned', days: 2 });
  record({ _tag: 'ArchiveUpkeepFailed', detail: 'permission denied (42501)' });
  t.match(lines, [
    { level: 30, days: 2 },
    { level: 40, detail: 'permission denied (42501)', msg: /within an hour/ },
  ]);
});

t.test(
  'when messages of chat_publish are refused or set aside, then there is a line a minute',
  async (t) => {
    const { lines, record } = journalAt('info');
    record({ _tag: 'SqlOutboxOwned' });
    record({ _tag: 'SqlOutboxInterrupted', detail: 'ECONNREFUSED' });
    for (const detail of ['full', 'full', 'down']) record({ _tag: 'SqlRefused', detail });
    for (const detail of ['rude', 'rude']) record({ _tag: 'SqlRejected', detail });
    record({ _tag: 'SqlPublished', messages: 3, seconds: 0.1 });
    t.match(lines, [
      { level: 30, msg: /^chat_publish: this pod/ },
      { level: 40, msg: /^chat_publish: the connection/, detail: 'ECONNREFUSED' },
      { level: 40, msg: /^chat_publish: a message waits/, detail: 'full' },
      { level: 40, msg: /^chat_publish: a message waits/, detail: 'down' },
      { level: 50, msg: /^chat_publish: a message cannot be published/, detail: 'rude' },
    ]);
    t.equal(lines.length, 5);
  },
);
