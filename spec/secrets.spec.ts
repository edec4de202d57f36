/**
 * Secrets that no output may show: the passwords of Redis and PostgreSQL, the data of messages, and the values of a wrong
 * configuration. Tokens and keys are in `access.spec.ts`.
 */
import t, { type Test } from 'tap';
import { refusingRedis } from './bad-input/refusing-redis.js';
import { BASE, http, type Running, runMain, startProcess } from './support/pod.js';
import { freePort, startRedis, until } from './support/redis.js';

/** Stands in each secret, so that a part of one is found too. */
const MARK = 'hunter2';

const showsNothing = (t: Test, pod: Running, shown: readonly string[], what: string): void => {
  for (const text of [...shown, pod.stdout(), pod.stderr()])
    if (text.toLowerCase().includes(MARK)) t.fail(`${what}: ${text.slice(0, 300)}`);
  t.match(pod.stdout(), '"msg":"listening"', what);
};

t.test(
  'when Redis or PostgreSQL fails in any way, then no output shows its password',
  async (t) => {
    const acl = [
      'user default on nopass ~* &* +@all',
      `user right on >${MARK}right ~* &* +@all`,
      `user mute on >${MARK}mute ~* &* +@all -evalsha -eval -publish`,
    ];
    const redis = await startRedis({ acl });
    t.teardown(redis.stop);
    const nobody = await freePort();
    const at = (user: string, port = redis.port): string => `redis://${user}@127.0.0.1:${port}`;
    const rows: readonly (readonly [what: string, env: Readonly<Record<string, string>>])[] = [
      ['right', { REDIS_URL: at(`right:${MARK}right`) }],
      ['wrong', { REDIS_URL: at(`right:${MARK}wrong`) }],
      ['of nobody', { REDIS_URL: at(`nobody:${MARK}`) }],
      ['without a user', { REDIS_URL: at(`:${MARK}`) }],
      ['that may not speak', { REDIS_URL: at(`mute:${MARK}mute`) }],
      [
        'of PostgreSQL, where nobody listens',
        { DATABASE_URL: `postgres://u:${MARK}@127.0.0.1:${nobody}/d?options=${MARK}` },
      ],
      ['where nobody listens', { REDIS_URL: at(`right:${MARK}right`, nobody) }],
      [
        'over TLS, which Redis does not speak',
        { REDIS_URL: at(`right:${MARK}right`).replace('redis:', 'rediss:') },
      ],
      ['of a Cluster that is none', { REDIS_URL: at(`right:${MARK}right`), REDIS_CLUSTER: 'true' }],
      [
        'behind Sentinels that are none',
        {
          REDIS_URL: at(`right:${MARK}right`),
          REDIS_SENTINELS: `127.0.0.1:${nobody}`,
          REDIS_SENTINEL_NAME: 'x',
        },
      ],
    ];
    const plays = rows.map(async ([what, env]) => {
      const pod = await runMain(t, { LOG_LEVEL: 'trace', BROKER_TIMEOUT_MS: '300', ...env });
      const port = await pod.port();
      const get = async (path: string): Promise<string> => (await http(port, path)).body;
      // `starting` lasts 3 s at most
      await until('it has judged', async () => !(await get('/ready')).includes('starting'));
      const shown = [
        await get('/metrics'),
        await get('/ready'),
        await get(`${BASE}/ws/stats`),
        await get(`${BASE}/rooms/a/messages`),
        await get(`${BASE}/rooms/a`),
      ];
      pod.signal('SIGTERM');
      await pod.ended();
      showsNothing(t, pod, shown, what);
    });
    await Promise.all(plays);
  },
);

t.test(
  'when messages are valid, invalid or refused by Redis, then no output shows their data',
  async (t) => {
    const redis = await startRedis();
    t.teardown(redis.stop);
    const refusing = await refusingRedis(redis.port);
    t.teardown(refusing.stop);
    const pod = await startProcess(t, {
      LOG_LEVEL: 'trace',
      REDIS_URL: refusing.url,
      RATE_LIMIT_BURST: '5000',
    });
    const { doors } = pod;
    const shown: string[] = [];
    const texts = [
      { type: 'chat', data: MARK },
      { type: 'chat', data: { [MARK]: MARK } },
      { type: 'chat', room: 'not-joined', data: MARK },
      { type: 'chat', room: `${MARK} *`, data: MARK },
      { type: 'presence', data: { status: MARK } },
      { type: 'join', room: `${MARK}/`, data: { last_id: MARK } },
      { type: 'join', room: 'b', data: { last_id: MARK } },
      { type: 'refresh', data: { token: MARK } },
      { type: MARK, data: MARK, from: MARK },
    ].map((message) => JSON.stringify(message));
    for (const text of [
      ...texts,
      NOT_JOINED,
      UNKNOWN_FIELD,
      `{"type":"chat","data":"${MARK}`,
      MARK,
      `"${MARK}"`,
      `{"type":"chat","data":"${MARK}\\u0000"}`,
    ]) {
      const client = await doors.connect('/ws/a');
      client.send(text);
      await client.caughtUp();
      const errors = client.all({ type: 'error' }).map((message) => JSON.stringify(message));
      // the error names on purpose the room that the sender has not joined
      if (text !== NOT_JOINED) shown.push(...errors);
      await client.close();
      // the error names the field on purpose: this shows a typo
      if (text === UNKNOWN_FIELD) continue;
      const posted = await fetch(`http://127.0.0.1:${doors.port}${BASE}/messages`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: text,
      });
      shown.push(await posted.text());
      for (const channel of ['realtime:room:a', 'realtime:global', 'realtime:control'])
        await redis.command('PUBLISH', channel, text);
    }
    const speaker = await doors.connect('/ws/refused');
    for (const error of [
      `ERR unknown command, with args beginning with: 'x'`,
      'OOM no memory',
      'READONLY',
    ]) {
      refusing.refuse('{realtime:room:refused}', error);
      speaker.send({ type: 'chat', id: 'm', data: MARK });
      await speaker.received({ data: { event: 'ack' } });
      shown.push(...speaker.all({ type: 'error' }).map((message) => JSON.stringify(message)));
      refusing.refuse('{realtime:room:refused}', undefined);
    }
    shown.push((await doors.get('/metrics')).body, (await doors.get('/nowhere')).body);
    pod.signal('SIGTERM');
    t.equal(await pod.ended(15_000), 0);
    t.match(pod.stdout(), 'a publish failed');
    t.match(pod.stdout(), 'a payload was dropped');
    showsNothing(t, pod, shown, 'messages');
  },
);

const NOT_JOINED = JSON.stringify({ type: 'chat', room: MARK, data: 'x' });
const UNKNOWN_FIELD = JSON.stringify({ type: 'chat', [MARK]: MARK });

t.test('when a configuration is invalid, then no output shows its secrets', async (t) => {
  const rows: Readonly<Record<string, string>> = {
    REDIS_URL: `ftp://u:${MARK}@h`,
    JWT_PUBLIC_KEY: `-----BEGIN PRIVATE KEY-----\n${MARK}\n-----END PRIVATE KEY-----`,
    JWT_SECRET: `-----BEGIN PUBLIC KEY-----\n${MARK}\n-----END PUBLIC KEY-----`,
    JWT_JWKS_URL: `x://u:${MARK}@h`,
    API_KEYS: `${MARK},, ${MARK} x`,
    DATABASE_URL: `postgres://u:${MARK}@h`,
    REDIS_SENTINELS: `u:${MARK}@h`,
    ALLOWED_ORIGINS: `https://u:${MARK}@h`,
  };
  const pod = await runMain(t, { AUTH_ENABLED: 'true', LOG_LEVEL: 'trace', ...rows });
  t.equal(await pod.ended(), 78);
  for (const key of Object.keys(rows)) t.match(pod.stderr(), `${key}=`);
  for (const text of [pod.stderr(), pod.stdout()]) t.notMatch(text, new RegExp(MARK, 'i'));
});
