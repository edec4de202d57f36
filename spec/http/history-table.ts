/** The answers of `GET …/messages`, wherever the log is. */
import { type Test } from 'tap';
import { formatId, parseId } from '../../lib/protocol/position.js';
import { type Message } from '../support/client.js';
import { BASE, type Pod, type startPod } from '../support/pod.js';
import { isProblem } from '../support/problem.js';
import { until } from '../support/redis.js';

export interface Answer {
  readonly messages: readonly Message[];
  readonly next: string | null;
}

type Overrides = Parameters<typeof startPod>[1];

export const pathOf = (
  room: string,
  query: Readonly<Record<string, string | number>> = {},
): string => {
  const pairs = Object.entries(query).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  const text = new URLSearchParams(pairs).toString();
  return `${BASE}/rooms/${room}/messages${text === '' ? '' : `?${text}`}`;
};

export const messagesOf = async (
  pod: Pod,
  room: string,
  query: Readonly<Record<string, string | number>> = {},
): Promise<Answer> => {
  const { status, headers, body } = await pod.get(pathOf(room, query));
  if (status !== 200) throw new Error(`${status}: ${body}`);
  if (!String(headers['content-type']).startsWith('application/json')) throw new Error('not JSON');
  return JSON.parse(body) as Answer;
};

export const publishMany = async (
  pod: Pod,
  room: string,
  count: number,
  bytes = 1,
): Promise<string[]> => {
  const receipts = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      pod.app.publish({ room, type: 'chat', data: `${i} ${'x'.repeat(bytes)}` }),
    ),
  );
  return receipts.map(({ id }) => id ?? '');
};

export const idsOf = ({ messages }: Answer): readonly string[] => messages.map(({ id }) => id);

const msOf = (id = ''): number => {
  const parsed = parseId(id);
  return parsed._tag === 'None' ? Number.NaN : parsed.value.ms;
};

/** What holds wherever the log is. */
export const answers = (
  t: Test,
  pods: (t: Test, over?: Overrides) => Promise<readonly [Pod, Pod]>,
): void => {
  t.test(
    'when history is read, then it has the logged messages as clients got them, oldest first',
    async (t) => {
      const [pod, other] = await pods(t);
      const [alice, bob] = [await pod.connect('/ws/general'), await other.connect('/ws/general')];
      alice.send({ type: 'chat', id: 'a', data: { deep: ['ü', '💬', null, 1.5] } });
      await bob.received({ type: 'chat' });
      bob.send({ type: 'presence', data: { status: 'away' } });
      await alice.received({ type: 'presence', data: { status: 'away' } });
      await other.app.publish({ room: 'general', data: 'note' });
      await other.app.publish({ room: 'general', type: 'system', data: { event: 'deployed' } });
      await other.app.publish({ room: null, data: 'to everybody' });
      await alice.received({ type: 'system', data: { event: 'deployed' } });
      const received = alice.messages.filter(
        ({ room, type, data }) =>
          room === 'general' &&
          (['chat', 'notification'].includes(type) ||
            (data as { event?: string }).event === 'deployed'),
      );
      t.equal(received.length, 3);
      for (const each of [pod, other])
        t.strictSame(await messagesOf(each, 'general'), { messages: received, next: null });
    },
  );

  t.test(
    'when history is paged, then it goes backwards from its end, or forwards from an id',
    async (t) => {
      const [pod, other] = await pods(t);
      const ids = await publishMany(pod, 'r', 730);
      t.strictSame(
        idsOf(await messagesOf(other, 'r')),
        ids.slice(-100),
        '100 when nothing is said',
      );
      for (const limit of [1, 99, 730, 1_000]) {
        const back: string[] = [];
        for (let query: Record<string, string | number> | undefined = { limit }; query; ) {
          const answer: Answer = await messagesOf(pod, 'r', query);
          t.ok(answer.messages.length <= limit);
          back.unshift(...idsOf(answer));
          if (limit === 1 && back.length === 5) break;
          query = answer.next === null ? undefined : { limit, before: answer.next };
        }
        t.strictSame(back, limit === 1 ? ids.slice(-5) : ids, `backwards by ${limit}`);
        const on: string[] = [];
        let next: string | null = ids[9] ?? '';
        while (next !== null && (limit > 1 || on.length < 5)) {
          const answer: Answer = await messagesOf(pod, 'r', { limit, after: next });
          on.push(...idsOf(answer));
          next = answer.next;
        }
        t.strictSame(on, limit === 1 ? ids.slice(10, 15) : ids.slice(10), `on by ${limit}`);
      }
    },
  );

  t.test(
    'when bounds are given, then they are not in the answer, and next leads to the bound',
    async (t) => {
      const [pod] = await pods(t);
      const ids = await publishMany(pod, 'r', 20);
      const id = (at: number): string => ids[at] ?? '';
      const ask = async (query: Readonly<Record<string, string | number>>) => {
        const answer = await messagesOf(pod, 'r', query);
        return [
          idsOf(answer).map((one) => ids.indexOf(one)),
          answer.next && ids.indexOf(answer.next),
        ];
      };
      t.strictSame(await ask({ after: id(16) }), [[17, 18, 19], null]);
      t.strictSame(await ask({ after: id(16), limit: 2 }), [[17, 18], 18]);
      t.strictSame(await ask({ after: id(16), limit: 3 }), [[17, 18, 19], null]);
      t.strictSame(await ask({ after: id(19) }), [[], null]);
      t.strictSame(await ask({ before: id(3) }), [[0, 1, 2], null]);
      t.strictSame(await ask({ before: id(3), limit: 2 }), [[1, 2], 1]);
      t.strictSame(await ask({ before: id(0) }), [[], null]);
      t.strictSame(await ask({ limit: 3 }), [[17, 18, 19], 17]);
      t.strictSame(await ask({ after: id(3), before: id(8) }), [[4, 5, 6, 7], null]);
      t.strictSame(await ask({ after: id(3), before: id(8), limit: 2 }), [[4, 5], 5]);
      t.strictSame(await ask({ after: id(5), before: id(8), limit: 2 }), [[6, 7], null]);
      t.strictSame(await ask({ after: id(8), before: id(3) }), [[], null]);
      t.strictSame(await ask({ after: id(16).toUpperCase() }), [[17, 18, 19], null]);
    },
  );

  t.test('when a bound is an id that the log does not have, then the answer is 404', async (t) => {
    const [pod] = await pods(t, { log: { logMessages: 5 } });
    const client = await pod.connect('/ws/r');
    const ids = await publishMany(pod, 'r', 9);
    const [elsewhere] = await publishMany(pod, 'other', 1);
    const global = await pod.app.publish({ room: null, data: 1 });
    const read = parseId(ids[7] ?? '');
    if (read._tag === 'None') throw new Error('no id');
    const { value } = read;
    const unknown = {
      'of another room': elsewhere,
      'of all': global.id,
      'too old': ids[3],
      'of a control message': client.messages.find(({ type }) => type === 'system')?.id,
      'of another epoch': formatId({ ...value, tag: (value.tag % 4_095) + 1 }),
      'of another nonce': formatId({ ...value, nonce: value.nonce ^ 1 }),
      'not yet said': formatId({ ...value, offset: 10 }),
      'far away': formatId({ ...value, offset: 2 ** 40 - 1 }),
      'before the first': formatId({ ...value, offset: 0 }),
      'of nobody': '01890a5d-ac96-774b-bcce-b302099a8057',
    };
    for (const [what, id = ''] of Object.entries(unknown))
      for (const name of ['after', 'before']) {
        t.comment(`${name} one ${what}`);
        isProblem(t, await pod.get(pathOf('r', { [name]: id })), 404);
      }
    t.strictSame(idsOf(await messagesOf(pod, 'r', { after: ids[4] ?? '' })), ids.slice(5));
    const { messages, next } = await messagesOf(pod, 'r');
    t.strictSame([messages.length, next], [5, null]);
    isProblem(t, await pod.get(pathOf('r', { after: ids[8] ?? '', before: ids[3] ?? '' })), 404);
  });

  t.test(
    'when a time is given, then the answer has the first messages of this time and later',
    async (t) => {
      const [pod, other] = await pods(t);
      const early = await publishMany(pod, 'r', 30);
      await until('the time goes on', async () => Date.now() > msOf(early.at(-1)) + 1);
      const late = await publishMany(other, 'r', 40);
      const ms = msOf(late[0]);
      const first = await messagesOf(pod, 'r', { at: ms, limit: 15 });
      t.strictSame([idsOf(first), first.next], [late.slice(0, 15), late[14]]);
      t.strictSame(idsOf(await messagesOf(pod, 'r', { after: first.next ?? '' })), late.slice(15));
      const text = new Date(ms).toISOString();
      t.strictSame(await messagesOf(other, 'r', { at: text, limit: 15 }), first);
      t.strictSame(idsOf(await messagesOf(pod, 'r', { at: 0 })), [...early, ...late]);
      t.strictSame(await messagesOf(pod, 'r', { at: '9999-12-31T23:59:59Z' }), {
        messages: [],
        next: null,
      });
      t.strictSame(await messagesOf(pod, 'unused', { at: 0 }), { messages: [], next: null });
    },
  );

  t.test('when the query is invalid, then the answer is 400', async (t) => {
    const [pod] = await pods(t);
    const [id = ''] = await publishMany(pod, 'r', 1);
    for (const limit of [
      '0',
      '1001',
      '-1',
      '1.5',
      '1e2',
      '0x10',
      'all',
      '',
      ' ',
      '99999999999999999999',
    ])
      isProblem(t, await pod.get(pathOf('r', { limit })), 400);
    for (const bad of ['', 'x', `${id}0`, 'undefined', '5f3b1e2c-8a41-4d6b-9a0e-2c5d1f7a9b10']) {
      isProblem(t, await pod.get(pathOf('r', { after: bad })), 400);
      isProblem(t, await pod.get(pathOf('r', { before: bad })), 400);
    }
    isProblem(t, await pod.get(`${pathOf('r')}?after=${id}&after=${id}`), 400);
    isProblem(t, await pod.get(`${pathOf('r')}?limit=1&limit=1`), 400);
    for (const at of ['', 'now', '-1', '1.5', '2026-01-15', '2026-02-30T00:00:00Z'])
      isProblem(t, await pod.get(pathOf('r', { at })), 400);
    isProblem(t, await pod.get(`${pathOf('r')}?at=1&at=1`), 400);
    isProblem(t, await pod.get(pathOf('r', { at: 1, after: id })), 400);
    isProblem(t, await pod.get(pathOf('r', { at: 1, before: id })), 400);
    for (const room of ['', 'stats', 'a*b', '%2F', '.a', 'x'.repeat(129), 'a%20b', '%00']) {
      isProblem(t, await pod.get(pathOf(room)), 400);
      isProblem(t, await pod.get(`${BASE}/rooms/${room}`), 400);
    }
    isProblem(t, await pod.get(pathOf('%ff')), 400);
    t.equal((await pod.get(`${pathOf('r')}?limit=1000`)).status, 200);
    isProblem(t, await pod.get(`${pathOf('r')}?limit=1000&other=1`), 400);
  });

  t.test('when the method is not GET or HEAD, then the answer is 405', async (t) => {
    const [pod] = await pods(t);
    await publishMany(pod, 'r', 1);
    for (const path of [`${BASE}/rooms/r`, pathOf('r')]) {
      const got = await pod.get(path);
      const head = await pod.get(path, 'HEAD');
      t.strictSame([head.status, head.body], [200, '']);
      t.equal(head.headers['content-length'], got.headers['content-length']);
      for (const method of ['POST', 'DELETE', 'PUT']) {
        const refused = await pod.get(path, method);
        isProblem(t, refused, 405);
        t.equal(refused.headers['allow'], 'GET, HEAD');
      }
    }
    for (const path of ['/rooms', '/rooms/r/', '/rooms/r/message', '/rooms/r/messages/1'])
      for (const method of ['GET', 'POST'])
        isProblem(t, await pod.get(`${BASE}${path}`, method), 404);
  });

  t.test(
    'when a room is asked for, then the answer has its members on all pods and its position',
    async (t) => {
      const [pod, other] = await pods(t);
      const stateOf = async (each: Pod, room: string): Promise<unknown> =>
        JSON.parse((await each.get(`${BASE}/rooms/${room}`)).body);
      t.strictSame(await stateOf(pod, 'r'), { room: 'r', members: 0, position: null });
      const alice = await pod.connect('/ws/r');
      const bob = await other.connect('/ws/r');
      const carol = await other.connect('/ws/r');
      await other.connect('/ws/elsewhere');
      const [id = null] = await publishMany(pod, 'r', 1);
      const isSo = async (members: number): Promise<void> => {
        for (const each of [pod, other])
          await until(
            `${members} members`,
            async () => JSON.stringify(await stateOf(each, 'r')).includes(`"members":${members},`),
            3_000,
          );
      };
      await isSo(3);
      t.strictSame(await stateOf(other, 'r'), { room: 'r', members: 3, position: id });
      await bob.close();
      await carol.close();
      await isSo(1);
      t.strictSame(await stateOf(other, 'r'), { room: 'r', members: 1, position: id });
      await alice.close();
      await isSo(0);
      t.strictSame(await stateOf(pod, 'r'), { room: 'r', members: 0, position: id });
    },
  );

  t.test('when messages are large, then the answer ends early, and next leads on', async (t) => {
    const [pod] = await pods(t);
    const ids = await publishMany(pod, 'big', 150, 60_000);
    const newest = await messagesOf(pod, 'big', { limit: 1_000 });
    t.ok(newest.messages.length >= 60 && newest.messages.length < 80, `${newest.messages.length}`);
    const back = [...idsOf(newest)];
    for (let { next } = newest; next !== null; ) {
      const older: Answer = await messagesOf(pod, 'big', { limit: 1_000, before: next });
      back.unshift(...idsOf(older));
      ({ next } = older);
    }
    t.strictSame(back, ids);
    const on = [ids[0]];
    for (let next: string | null = ids[0] ?? ''; next !== null; ) {
      const newer: Answer = await messagesOf(pod, 'big', { limit: 1_000, after: next });
      t.ok(newer.messages.length < 80);
      on.push(...idsOf(newer));
      ({ next } = newer);
    }
    t.strictSame(on, ids);
  });

  t.test('when there is no log, then there are positions and no messages', async (t) => {
    const [pod] = await pods(t, { log: { logMessages: 0 } });
    const ids = await publishMany(pod, 'r', 3);
    t.strictSame(await messagesOf(pod, 'r'), { messages: [], next: null });
    isProblem(t, await pod.get(pathOf('r', { after: ids[2] ?? '' })), 404);
    t.match(JSON.parse((await pod.get(`${BASE}/rooms/r`)).body), { position: ids[2] });
  });
};
