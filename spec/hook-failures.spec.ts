/** Hooks that fail, answer with nonsense, or do not answer. */
import { EMPTY, NEVER } from 'rxjs';
import t from 'tap';
import { type Hooks, type Incoming, reject } from '../lib/index.js';
import { podWith, post, text } from './support/hooked-pod.js';
import { until } from './support/redis.js';

t.test(
  'when onMessage fails, then the sender gets unavailable, and no other client gets anything',
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
      ['says nothing', /its answer is not valid/],
      ['answers with undefined later', /its answer is not valid/],
      ['never answers', /did not answer within 1 s/],
    ] as const) {
      const started = performance.now();
      alice.send({ type: 'chat', id: name, data: name });
      alice.send({ type: 'chat', data: `after ${name}` });
      bob.send({ type: 'chat', data: `meanwhile ${name}` });
      await alice.received({ data: `meanwhile ${name}` });
      const took = performance.now() - started;
      t.ok(took < 800, `${name}: others are not kept waiting, ${took} ms`);
      const error = await alice.received({ type: 'error' });
      t.match(error, { data: { code: 'unavailable', ref: name, message: why } });
      t.notMatch(JSON.stringify(error), /hunter2/);
      if (name === 'never answers')
        t.ok(performance.now() - started > 900 && performance.now() - started < 2_500, 'a second');
      await bob.received({ data: `after ${name}` });
      t.equal(bob.all({ data: name }).length, 0);
    }
    t.equal(await pod.metric('realtime_hook_failures{hook="onMessage"}'), 5);
    const carol = await bare.connect('/ws/general');
    carol.send({ type: 'chat', id: 'bad', data: 'bad' });
    t.match(await carol.received({ type: 'error' }), {
      data: { code: 'unavailable', ref: 'bad', message: /its answer is not valid/ },
    });
    carol.send({ type: 'chat', data: 'good' });
    await carol.received({ type: 'chat', data: 'good' });
  },
);

t.test(
  'when onMessage gives an invalid answer, then it failed for that message, by socket and over HTTP',
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
      // an object with a `then` is a promise, and one whose `then` throws is no answer at all
      const why = name === 'a then that throws' ? /failed while/ : /its answer is not valid/;
      alice.send({ type: 'chat', id: name, data: name });
      t.match(
        await alice.received({ data: { ref: name } }),
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
    await alice.received({ type: 'chat', data: 'good' });
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
    const messages: Readonly<Record<string, string>> = {
      long: 'x'.repeat(1_024),
      emoji: '😀'.repeat(1_024),
      mixed: `x${'😀'.repeat(1_023)}`,
      broken: 'half \ufffd of one',
    };
    const pod = await podWith(t, { onMessage: (message) => reject(texts[text(message)] ?? '') });
    const alice = await pod.connect('/ws/r');
    for (const [name, message] of Object.entries(messages)) {
      alice.send({ type: 'chat', id: name, data: name });
      t.match(await alice.received({ data: { ref: name } }), {
        data: { code: 'rejected', message },
      });
      const { status, body } = await post(pod, { room: 'r', data: name });
      t.match([status, JSON.parse(body)], [422, { detail: message }]);
    }
  },
);

t.test(
  'when onConnect or onDisconnect fails, then the connection goes on and the failure is counted',
  async (t) => {
    const pod = await podWith(t, {
      onConnect: () => {
        throw new Error('onConnect');
      },
      onDisconnect: () => Promise.reject(new Error('onDisconnect')),
    });
    const [alice, bob] = [await pod.connect('/ws/general'), await pod.connect('/ws/general')];
    alice.send({ type: 'chat', data: 1 });
    await bob.received({ type: 'chat' });
    await alice.close();
    await until(
      'counted',
      async () => (await pod.metric('realtime_hook_failures{hook="onDisconnect"}')) === 1,
    );
    t.equal(await pod.metric('realtime_hook_failures{hook="onConnect"}'), 2);
    bob.send({ type: 'chat', data: 2 });
    await bob.received({ data: 2 });
    t.equal(pod.connections(), 1);
  },
);
