/**
 * Hooks on a real pod: what an application may do with connections and messages, and that a failed hook
 * affects one message only.
 */
import { map, timer } from 'rxjs';
import t from 'tap';
import { type Incoming, type Notice, reject, type Sender } from '../lib/index.js';
import { obedient, podWith, post, text } from './support/hooked-pod.js';
import { type HttpAnswer } from './support/pod.js';
import { until } from './support/redis.js';

t.test(
  'when onMessage answers with a value, a promise or a stream, then the message is treated as it says',
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
    await alice.received({ data: { event: 'joined', room: 'other' } });
    const send = (data: unknown): void => alice.send({ type: 'chat', id: String(data), data });
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
      send(data);
    await bob.received({ data: 'end' });
    t.strictSame(
      bob.all({ type: 'chat' }).map(({ data }) => data),
      ['as it is', { changed: true }, 'promised', 'streamed', 'end'],
    );
    t.match(await alice.received({ data: { ref: 'refuse' } }), {
      type: 'error',
      data: { code: 'rejected', message: 'not here' },
    });
    t.match(await alice.received({ type: 'chat', data: 'move' }), { room: 'other' });
    t.match(await alice.received({ data: { ref: 'to a stranger' } }), {
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
    await bob.received({ data: 'global' });
    t.strictSame(seen.at(-1)?.[0], { type: 'chat', room: '', data: 'global' });
    t.equal(seen.length, 10, 'it is asked once');
  },
);

t.test('when a client sends presence, then onMessage is asked about it', async (t) => {
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
  const send = (note: string): void =>
    alice.send({ type: 'presence', id: note, data: { status: 'online', note } });
  for (const note of ['refuse', 'drop', 'break', 'fine']) send(note);
  t.match(await bob.received({ type: 'presence', from: alice.name }), {
    data: { status: 'away', note: 'presence seen' },
  });
  t.equal(bob.all({ type: 'presence', from: alice.name }).length, 1, 'of the others none');
  await alice.received({ data: { event: 'ack', ref: 'fine' } });
  t.match(await alice.received({ data: { ref: 'refuse' } }), { data: { code: 'rejected' } });
  t.match(await alice.received({ data: { ref: 'break' } }), { data: { code: 'unavailable' } });
  const { data } = await alice.received({ data: { ref: 'drop' } });
  t.strictSame(data, { event: 'ack', ref: 'drop', duplicate: false });
});

t.test('when a chat comes over HTTP, then onMessage is asked about it', async (t) => {
  const asked: (readonly [Incoming, Sender])[] = [];
  const pod = await podWith(t, { onMessage: obedient(asked) });
  const [alice, bob] = [await pod.connect('/ws/r'), await pod.connect('/ws/other')];
  const one = (data: unknown): Promise<HttpAnswer> => post(pod, { room: 'r', data });
  t.equal((await one('change')).status, 202);
  await alice.received({ type: 'chat', from: 'api', data: 'changed' });
  t.equal((await one('move')).status, 202);
  await bob.received({ type: 'chat', from: 'api', data: 'move' });
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
  const answer = await post(pod, { room: 'r', type: 'notification', data: 'drop' });
  t.match(JSON.parse(answer.body), { id: /-/ });
  t.equal(asked.length, 0, "the server's own words are not asked about");
});

t.test(
  'when a list comes over HTTP, then onMessage is asked about all of it before the first message is sent',
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
    await alice.received({ data: 'last' });
    t.strictSame(
      alice.all({ type: 'chat' }).map(({ data }) => data),
      ['first', 'changed', 'last'],
    );
  },
);

t.test('when the program publishes a chat, then onMessage is asked about it', async (t) => {
  const asked: (readonly [Incoming, Sender])[] = [];
  const pod = await podWith(t, { onMessage: obedient(asked) });
  const alice = await pod.connect('/ws/r');
  const publish = (data: string, type: Notice['type'] = 'chat') =>
    pod.app.publish({ room: 'r', type, from: 'bot', data });
  t.match(await publish('change'), { id: /-/, duplicate: false, scope: 'cluster' });
  await alice.received({ type: 'chat', from: 'bot', data: 'changed' });
  t.strictSame(asked, [
    [
      { type: 'chat', room: 'r', data: 'change' },
      { via: 'program', from: 'bot' },
    ],
  ]);
  t.strictSame(await publish('drop'), { id: null, duplicate: false, scope: 'cluster' });
  await t.rejects(publish('refuse'), { message: 'not here' });
  await t.rejects(publish('throw'), { message: /^the application failed while it looked/ });
  t.match(await publish('refuse', 'notification'), { id: /-/ });
  t.match(await pod.app.publish({ room: 'r', data: 'drop' }), { id: /-/ });
  t.equal(asked.length, 4, 'of chats alone');
});

t.test(
  'when a hook takes time, then its connection keeps the order, and may close meanwhile',
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
    await bob.received({ data: 'mine' });
    t.equal(bob.all({ type: 'chat', from: alice.name }).length, 0);
    for (const answer of answers) answer();
    await bob.received({ data: 49 });
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
