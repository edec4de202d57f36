/** Hooks on a real pod: what an application may say of connections and messages, and that a failing one harms one message alone. */
import { EMPTY, NEVER, of, timer, map } from 'rxjs';
import t, { type Test } from 'tap';
import {
  type ConnectionInfo,
  type Hooks,
  type Incoming,
  type Notice,
  reject,
  type Sender,
} from '../lib/index.js';
import { asProgram } from './support/credentials.js';
import { ask, BASE, type HttpAnswer, type Pod, startPod } from './support/pod.js';
import { until } from './support/redis.js';
import { SECRET, tokenOf } from './support/tokens.js';

const podWith = (t: Test, hooks: Hooks): Promise<Pod> => startPod(t, {}, { hooks });

const text = ({ data }: Incoming): string => (typeof data === 'string' ? data : '');

t.test(
  'onMessage passes on, changes, suppresses, refuses, moves; at once, by promise or by stream',
  async (t) => {
    const seen: (readonly [Incoming, string, readonly string[]])[] = [];
    const pod = await podWith(t, {
      onMessage: (message, from) => {
        if (from.via === 'socket') seen.push([message, from.id, from.rooms()]);
        switch (text(message)) {
          case 'change':
            return { ...message, data: { changed: true } };
          case 'suppress':
            return null;
          case 'refuse':
            return reject('not here');
          case 'move':
            return { ...message, room: 'other' };
          case 'to a stranger':
            return { ...message, room: 'never joined' };
          case 'promise':
            return Promise.resolve({ ...message, data: 'promised' });
          case 'stream':
            return timer(20).pipe(map(() => ({ ...message, data: 'streamed' })));
          default:
            return message;
        }
      },
    });
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    alice.send({ type: 'join', room: 'other' });
    await alice.heard({ data: { event: 'joined', room: 'other' } });
    const say = (data: unknown): void => alice.send({ type: 'chat', id: String(data), data });
    for (const data of [
      'as it is',
      'change',
      'suppress',
      'refuse',
      'move',
      'to a stranger',
      'promise',
      'stream',
      'end',
    ])
      say(data);
    await bob.heard({ data: 'end' });
    t.strictSame(
      bob.all({ type: 'chat' }).map(({ data }) => data),
      ['as it is', { changed: true }, 'promised', 'streamed', 'end'],
    );
    t.match(await alice.heard({ data: { ref: 'refuse' } }), {
      type: 'error',
      data: { code: 'rejected', message: 'not here' },
    });
    t.match(await alice.heard({ type: 'chat', data: 'move' }), { room: 'other' });
    t.match(await alice.heard({ data: { ref: 'to a stranger' } }), {
      type: 'error',
      data: { code: 'unavailable' },
    });
    t.equal(await pod.metric('realtime_hook_failures{hook="onMessage"}'), 1);
    await alice.caughtUp();
    t.strictSame(
      alice.all({ data: { ref: 'suppress' } }).map(({ data }) => data),
      [{ event: 'ack', ref: 'suppress', duplicate: false }],
      'what was taken away is acknowledged, and stands nowhere',
    );
    t.equal(alice.all({ data: { event: 'ack' } }).length, 7);
    t.strictSame(seen[0], [
      { type: 'chat', room: 'general', data: 'as it is' },
      alice.id,
      ['general', 'other'],
    ]);
    alice.send({ type: 'chat', room: null, data: 'global' });
    await bob.heard({ data: 'global' });
    t.strictSame(seen.at(-1)?.[0], { type: 'chat', room: '', data: 'global' });
    t.equal(seen.length, 10, 'it is asked once');
  },
);

const post = (pod: Pod, body: unknown): Promise<HttpAnswer> =>
  ask(
    {
      port: pod.port,
      path: `${BASE}/messages`,
      method: 'POST',
      headers: asProgram({ 'Content-Type': 'application/json' }),
    },
    JSON.stringify(body),
  );

/** Does with a chat what its data says. */
const obedient =
  (asked: (readonly [Incoming, Sender])[] = []): NonNullable<Hooks['onMessage']> =>
  (message, from) => {
    asked.push([message, from]);
    switch (text(message)) {
      case 'change':
        return { ...message, data: 'changed' };
      case 'drop':
        return null;
      case 'refuse':
        return reject('not here');
      case 'move':
        return Promise.resolve({ ...message, room: 'other' });
      case 'throw':
        throw new Error('hunter2');
      case 'never':
        return NEVER;
      case 'no JSON':
        return { ...message, data: () => undefined };
      default:
        return message;
    }
  };

t.test('when a client says presence, then onMessage is asked about it', async (t) => {
  const pod = await podWith(t, {
    onMessage: (message) => {
      const { note } = message.data as { readonly note?: string };
      if (note === 'refuse') return reject('mind your words');
      if (note === 'drop') return null;
      if (note === 'break') return { ...message, data: { status: 'dancing' } };
      return { ...message, data: { status: 'away', note: `${message.type} seen` } };
    },
  });
  const [alice, bob] = [await pod.connect('/ws/r'), await pod.connect('/ws/r')];
  const say = (note: string): void =>
    alice.send({ type: 'presence', id: note, data: { status: 'online', note } });
  for (const note of ['refuse', 'drop', 'break', 'fine']) say(note);
  t.match(await bob.heard({ type: 'presence', from: alice.name }), {
    data: { status: 'away', note: 'presence seen' },
  });
  t.equal(bob.all({ type: 'presence', from: alice.name }).length, 1, 'of the others none');
  await alice.heard({ data: { event: 'ack', ref: 'fine' } });
  t.match(await alice.heard({ data: { ref: 'refuse' } }), { data: { code: 'rejected' } });
  t.match(await alice.heard({ data: { ref: 'break' } }), { data: { code: 'unavailable' } });
  const { data } = await alice.heard({ data: { ref: 'drop' } });
  t.strictSame(data, { event: 'ack', ref: 'drop', duplicate: false });
});

t.test('when HTTP says a chat, then onMessage is asked about it', async (t) => {
  const asked: (readonly [Incoming, Sender])[] = [];
  const pod = await podWith(t, { onMessage: obedient(asked) });
  const [alice, bob] = [await pod.connect('/ws/r'), await pod.connect('/ws/other')];
  const one = (data: unknown): Promise<HttpAnswer> => post(pod, { room: 'r', data });
  t.equal((await one('change')).status, 202);
  await alice.heard({ type: 'chat', from: 'api', data: 'changed' });
  t.equal((await one('move')).status, 202);
  await bob.heard({ type: 'chat', from: 'api', data: 'move' });
  t.strictSame(asked[0], [
    { type: 'chat', room: 'r', data: 'change' },
    { via: 'http', userId: null },
  ]);
  const dropped = await one('drop');
  t.strictSame([dropped.status, JSON.parse(dropped.body)], [202, { id: null }]);
  t.match(await one('refuse'), { status: 422, body: /"detail":"not here"/ });
  for (const data of ['throw', 'no JSON', 'never']) {
    const failed = await one(data);
    t.match(failed, { status: 503, headers: { 'retry-after': '1' } }, data);
    t.notMatch(failed.body, /hunter2/);
  }
  t.equal(await pod.metric('realtime_hook_failures{hook="onMessage"}'), 3);
  asked.length = 0;
  const said = await post(pod, { room: 'r', type: 'notification', data: 'drop' });
  t.match(JSON.parse(said.body), { id: /-/ });
  t.equal(asked.length, 0, "the server's own words are not asked about");
});

t.test(
  'when HTTP says a list, then all of it is asked about before the first is sent',
  async (t) => {
    const pod = await podWith(t, { onMessage: obedient() });
    const alice = await pod.connect('/ws/r');
    const list = (...all: readonly string[]): Promise<HttpAnswer> =>
      post(
        pod,
        all.map((data) => ({ room: 'r', data })),
      );
    t.match(await list('unsaid', 'refuse'), { status: 422, body: /"detail":"\[1\]: not here"/ });
    t.match(await list('unsaid', 'throw', 'refuse'), { status: 503 });
    const mixed = await list('first', 'drop', 'change', 'last');
    const { ids } = JSON.parse(mixed.body) as { readonly ids: readonly (string | null)[] };
    t.strictSame(
      ids.map((id) => id === null),
      [false, true, false, false],
    );
    await alice.heard({ data: 'last' });
    t.strictSame(
      alice.all({ type: 'chat' }).map(({ data }) => data),
      ['first', 'changed', 'last'],
    );
  },
);

t.test('when the program says a chat, then onMessage is asked about it', async (t) => {
  const asked: (readonly [Incoming, Sender])[] = [];
  const pod = await podWith(t, { onMessage: obedient(asked) });
  const alice = await pod.connect('/ws/r');
  const say = (data: string, type: Notice['type'] = 'chat') =>
    pod.app.publish({ room: 'r', type, from: 'bot', data });
  t.match(await say('change'), { id: /-/, duplicate: false, scope: 'cluster' });
  await alice.heard({ type: 'chat', from: 'bot', data: 'changed' });
  t.strictSame(asked, [
    [
      { type: 'chat', room: 'r', data: 'change' },
      { via: 'program', from: 'bot' },
    ],
  ]);
  t.strictSame(await say('drop'), { id: null, duplicate: false, scope: 'cluster' });
  await t.rejects(say('refuse'), { message: 'not here' });
  await t.rejects(say('throw'), { message: /^the application failed while it looked/ });
  t.match(await say('refuse', 'notification'), { id: /-/ });
  t.match(await pod.app.publish({ room: 'r', data: 'drop' }), { id: /-/ });
  t.equal(asked.length, 4, 'of chats alone');
});

t.test(
  'onMessage that fails in whichever way: unavailable to its sender, and nothing else',
  async (t) => {
    const failures: Readonly<Record<string, NonNullable<Hooks['onMessage']>>> = {
      throws: () => {
        throw new Error('hunter2');
      },
      rejects: () => Promise.reject(new Error('hunter2')),
      'says nothing': () => EMPTY,
      'answers with undefined later': () => Promise.resolve(undefined as unknown as null),
      'never answers': () => NEVER,
    };
    const pod = await podWith(t, {
      onMessage: (message, connection) => failures[text(message)]?.(message, connection) ?? message,
    });
    const bare = await podWith(t, {
      onMessage: (message) => (text(message) === 'bad' ? (undefined as unknown as null) : message),
    });
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    for (const [name, why] of [
      ['throws', /^the application failed while/],
      ['rejects', /^the application failed while/],
      ['says nothing', /gave an answer that is no message/],
      ['answers with undefined later', /gave an answer that is no message/],
      ['never answers', /did not answer within 1 s/],
    ] as const) {
      const started = performance.now();
      alice.send({ type: 'chat', id: name, data: name });
      alice.send({ type: 'chat', data: `after ${name}` });
      bob.send({ type: 'chat', data: `meanwhile ${name}` });
      await alice.heard({ data: `meanwhile ${name}` });
      const took = performance.now() - started;
      t.ok(took < 800, `${name}: others are not kept waiting, ${took} ms`);
      const error = await alice.heard({ type: 'error' });
      t.match(error, { data: { code: 'unavailable', ref: name, message: why } });
      t.notMatch(JSON.stringify(error), /hunter2/);
      if (name === 'never answers')
        t.ok(performance.now() - started > 900 && performance.now() - started < 2_500, 'a second');
      await bob.heard({ data: `after ${name}` });
      t.equal(bob.all({ data: name }).length, 0);
    }
    t.equal(await pod.metric('realtime_hook_failures{hook="onMessage"}'), 5);
    const carol = await bare.connect('/ws/general');
    carol.send({ type: 'chat', id: 'bad', data: 'bad' });
    t.match(await carol.heard({ type: 'error' }), {
      data: { code: 'unavailable', ref: 'bad', message: /gave an answer that is no message/ },
    });
    carol.send({ type: 'chat', data: 'good' });
    await carol.heard({ type: 'chat', data: 'good' });
  },
);

t.test(
  'when onMessage answers with nonsense, then it failed: by socket and over HTTP alike, and nobody else is harmed',
  async (t) => {
    const broken = (): never => {
      throw new Error('hunter2');
    };
    /** Throws from the given call on. */
    const breaking = (from: number): unknown => {
      let calls = 0;
      return { toJSON: () => (++calls < from ? 'fine' : broken()) };
    };
    const answers: Readonly<Record<string, () => unknown>> = {
      'a room that throws': () => ({
        get room() {
          return broken();
        },
        data: 1,
      }),
      'data that throws': () => ({
        room: 'r',
        get data() {
          return broken();
        },
      }),
      'a text that throws': () => ({
        get rejected() {
          return broken();
        },
      }),
      'a then that throws': () => ({
        get then() {
          return broken();
        },
      }),
      'JSON that throws': () => ({ room: 'r', data: breaking(1) }),
      'JSON that throws the second time': () => ({ room: 'r', data: breaking(2) }),
      'no field': () => ({}),
      'an array': () => [],
      'no room': () => ({ data: 1 }),
      'no data': () => ({ room: 'r' }),
      'null for a room': () => ({ room: null, data: 1 }),
      'a bad name': () => ({ room: 'a b', data: 1 }),
      'a number': () => 7,
      'a text': () => 'r',
      true: () => true,
      'a function': () => () => undefined,
      'a number for a text': () => ({ rejected: 7 }),
    };
    const pod = await podWith(t, {
      onMessage: (message) => (answers[text(message)]?.() ?? message) as Incoming,
    });
    const alice = await pod.connect('/ws/r');
    const names = Object.keys(answers);
    for (const name of names) {
      // whoever has a `then` is a promise, and one that throws is no answer at all
      const why = name === 'a then that throws' ? /failed while/ : /an answer that is no message/;
      alice.send({ type: 'chat', id: name, data: name });
      t.match(
        await alice.heard({ data: { ref: name } }),
        { type: 'error', data: { code: 'unavailable', message: why } },
        name,
      );
      const answer = await post(pod, { room: 'r', data: name });
      t.match(answer, { status: 503, headers: { 'retry-after': '1' }, body: why }, name);
      await t.rejects(
        pod.app.publish({ room: 'r', type: 'chat', data: name }),
        { message: why },
        name,
      );
    }
    t.equal(await pod.metric('realtime_hook_failures{hook="onMessage"}'), 3 * names.length);
    alice.send({ type: 'chat', data: 'good' });
    await alice.heard({ type: 'chat', data: 'good' });
  },
);

t.test(
  'when the text of a rejection is long or broken, then its sender gets 1,024 characters of Unicode',
  async (t) => {
    const texts: Readonly<Record<string, string>> = {
      long: 'x'.repeat(100_000),
      emoji: '😀'.repeat(2_000),
      mixed: `x${'😀'.repeat(2_000)}`,
      broken: 'half \ud83d of one',
    };
    const told: Readonly<Record<string, string>> = {
      long: 'x'.repeat(1_024),
      emoji: '😀'.repeat(1_024),
      mixed: `x${'😀'.repeat(1_023)}`,
      broken: 'half \ufffd of one',
    };
    const pod = await podWith(t, { onMessage: (message) => reject(texts[text(message)] ?? '') });
    const alice = await pod.connect('/ws/r');
    for (const [name, message] of Object.entries(told)) {
      alice.send({ type: 'chat', id: name, data: name });
      t.match(await alice.heard({ data: { ref: name } }), { data: { code: 'rejected', message } });
      const { status, body } = await post(pod, { room: 'r', data: name });
      t.match([status, JSON.parse(body)], [422, { detail: message }]);
    }
  },
);

t.test(
  'while a hook thinks, its connection keeps its order; one that leaves meanwhile harms nobody',
  async (t) => {
    const answers: (() => void)[] = [];
    const pod = await podWith(t, {
      onMessage: (message) =>
        text(message) === 'wait'
          ? new Promise((resolve) => answers.push(() => resolve(message)))
          : message,
    });
    const [alice, bob, carol] = [
      await pod.connect('/ws/general'),
      await pod.connect('/ws/general'),
      await pod.connect('/ws/general'),
    ];
    alice.send({ type: 'chat', data: 'wait' });
    for (let i = 0; i < 50; i++) alice.send({ type: 'chat', data: i });
    carol.send({ type: 'chat', data: 'wait' });
    await until('both are asked of', () => answers.length === 2);
    carol.socket.terminate();
    await until('carol has gone', () => pod.connections() === 2);
    bob.send({ type: 'chat', data: 'mine' });
    await bob.heard({ data: 'mine' });
    t.equal(bob.all({ type: 'chat', from: alice.name }).length, 0);
    for (const answer of answers) answer();
    await bob.heard({ data: 49 });
    t.strictSame(
      bob.all({ type: 'chat', from: alice.name }).map(({ data }) => data),
      ['wait', ...Array.from({ length: 50 }, (_, i) => i)],
    );
    t.equal(
      bob.all({ from: carol.name, type: 'chat' }).length,
      0,
      'what its sender did not wait for is not said',
    );
    t.equal(await pod.metric('realtime_hook_failures{hook="onMessage"}'), 0);
  },
);

t.test(
  'onConnect and onDisconnect see each connection once, and may speak to it and close it',
  async (t) => {
    const came: ConnectionInfo[] = [];
    const went: (readonly [string, number | null])[] = [];
    const pod = await podWith(t, {
      onConnect: (connection) => {
        came.push(connection);
        connection.notify({ hello: connection.id });
        return of(undefined);
      },
      onDisconnect: ({ id }, code) => {
        went.push([id, code]);
      },
    });
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    t.match(came, [
      { id: alice.id, userId: alice.userId, address: /127\.0\.0\.1$/ },
      { id: bob.id },
    ]);
    const hello = await alice.heard({ type: 'notification' });
    t.match(hello, { from: 'server', room: undefined, data: { hello: alice.id } });
    t.equal(bob.all({ data: { hello: alice.id } }).length, 0, 'to this one alone');
    t.match(alice.messages[0], { data: { event: 'welcome' } }, 'after welcome');
    came[0]?.close(4500, 'go away');
    t.equal(await alice.closed(), 4500);
    await bob.close();
    await until('both have gone', () => went.length === 2);
    t.strictSame(went, [
      [alice.id, 4500],
      [bob.id, null],
    ]);
    t.equal(came.length, 2);
    t.equal(await pod.metric('realtime_closes{code="4500"}'), 1);
  },
);

t.test('onConnect and onDisconnect that fail harm nothing and are counted', async (t) => {
  const pod = await podWith(t, {
    onConnect: () => {
      throw new Error('onConnect');
    },
    onDisconnect: () => Promise.reject(new Error('onDisconnect')),
  });
  const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
  alice.send({ type: 'chat', data: 1 });
  await bob.heard({ type: 'chat' });
  await alice.close();
  await until(
    'counted',
    async () => (await pod.metric('realtime_hook_failures{hook="onDisconnect"}')) === 1,
  );
  t.equal(await pod.metric('realtime_hook_failures{hook="onConnect"}'), 2);
  bob.send({ type: 'chat', data: 2 });
  await bob.heard({ data: 2 });
  t.equal(pod.connections(), 1);
});

t.test(
  'when a hook asks who has come, then headers, URL, address and claims are there, the token is not',
  async (t) => {
    const came: ConnectionInfo[] = [];
    const pod = await startPod(
      t,
      {
        server: { trustedProxies: ['127.0.0.1'] },
        access: { authEnabled: true, jwtSecret: SECRET },
      },
      {
        hooks: {
          onConnect: (connection) => {
            came.push(connection);
          },
        },
      },
    );
    const token = tokenOf({ sub: 'alice', tenant: { id: 7 } });
    const alice = await pod.connect(`/ws/general?a=1&%74oken=${token}&tab=%2F`, {
      headers: { Cookie: 'session=s1', 'X-Forwarded-For': '203.0.113.9', 'User-Agent': 'spec' },
    });
    const [info] = came;
    if (info === undefined) throw new Error('nobody came');
    t.match(info, {
      id: alice.id,
      userId: 'alice',
      url: '/api/chat-api/ws/general?a=1&token=***&tab=%2F',
      headers: { cookie: 'session=s1', 'user-agent': 'spec' },
      address: '203.0.113.9',
      claims: { sub: 'alice', tenant: { id: 7 } },
    });
    alice.send({
      type: 'refresh',
      id: 'r',
      data: { token: tokenOf({ sub: 'alice', tenant: { id: 8 } }) },
    });
    await alice.heard({ data: { event: 'ack', ref: 'r' } });
    t.match(info.claims, { tenant: { id: 8 } }, 'those of the new token');
  },
);

t.test('when nobody is asked for a token, then the claims are null', async (t) => {
  const came: ConnectionInfo[] = [];
  const pod = await startPod(
    t,
    { access: { authEnabled: false } },
    { hooks: { onConnect: (connection) => void came.push(connection) } },
  );
  await pod.connect('/ws?token=nobody-reads-it');
  t.match(came, [
    { claims: null, userId: null, url: '/api/chat-api/ws?token=***', rooms: Function },
  ]);
  t.strictSame(came[0]?.rooms(), [], 'the global log is no room');
});

t.test('when a connection comes and goes, then its rooms are true in both hooks', async (t) => {
  const rooms: (readonly [string, readonly string[]])[] = [];
  const pod = await podWith(t, {
    onConnect: (connection) => {
      rooms.push(['came', connection.rooms()]);
      if (connection.rooms().includes('closed')) connection.close(4500, 'closed');
    },
    onDisconnect: (connection) => {
      rooms.push(['went', connection.rooms()]);
    },
  });
  const alice = await pod.connect('/ws/general');
  alice.send({ type: 'join', room: 'other' });
  await alice.heard({ data: { event: 'joined', room: 'other' } });
  alice.send({ type: 'join', room: 'left' });
  alice.send({ type: 'leave', room: 'left' });
  await alice.heard({ data: { event: 'left', room: 'left' } });
  await alice.close();
  const bob = await pod.connect('/ws/general');
  bob.socket.terminate();
  await until('both have gone', () => rooms.length === 4);
  await pod.connect('/ws/closed').catch(() => undefined);
  await until('so has the third', () => rooms.length === 6);
  t.strictSame(rooms, [
    ['came', ['general']],
    ['went', ['general', 'other']],
    ['came', ['general']],
    ['went', ['general']],
    ['came', ['closed']],
    ['went', ['closed']],
  ]);
});
