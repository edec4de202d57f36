/**
 * Messages over HTTP, `POST …/messages`, on the wire: which ones pass, which ones are refused, and what they
 * cost.
 */
import t from 'tap';
import {
  accepted,
  JSON_TYPE,
  nested,
  onlyThisIsReceived,
  post,
  receivedBy,
} from '../support/http-publishing.js';
import { BASE, startPod } from '../support/pod.js';
import { isProblem } from '../support/problem.js';
import { until } from '../support/redis.js';

t.test(
  "when a message comes over HTTP, then its room's members get it, with defaults for absent fields",
  async (t) => {
    const pod = await startPod(t);
    const [alice, bob, carol] = [
      await pod.connect('/ws/r'),
      await pod.connect('/ws/r'),
      await pod.connect('/ws/other'),
    ];
    const answer = await post(pod, { room: 'r', data: { content: 'hé 💬' } });
    const { id } = accepted(answer);
    t.strictSame(JSON.parse(answer.body), { id }, 'the id and nothing else');
    for (const client of [alice, bob]) {
      const message = await client.received({ id });
      t.strictSame(Object.keys(message), ['id', 'type', 'room', 'from', 'data', 'timestamp']);
      t.match(message, { type: 'chat', room: 'r', from: 'api', data: { content: 'hé 💬' } });
    }
    for (const room of [{ room: null }, { room: '' }]) {
      const global = accepted(await post(pod, { ...room, type: 'notification', data: 1 }));
      for (const client of [alice, bob, carol]) {
        const message = await client.received({ id: global.id });
        t.strictSame(Object.keys(message), ['id', 'type', 'from', 'data', 'timestamp']);
      }
    }
    const event = accepted(
      await post(pod, { room: 'other', type: 'system', data: { event: 'app.deployed' } }),
    );
    await carol.received({ id: event.id, type: 'system', data: { event: 'app.deployed' } });
    t.equal(receivedBy(alice).length, 3);
    t.equal(await pod.metric('realtime_messages_received'), 4);
  },
);

t.test(
  'when data is any JSON value, then members get an equal value and nothing else of the request',
  async (t) => {
    const pod = await startPod(t);
    const client = await pod.connect('/ws/r');
    const values = [
      'null',
      'false',
      '0',
      '""',
      '[]',
      '{}',
      '-0.5e-7',
      '9007199254740992',
      '{"__proto__":{"admin":true},"constructor":{"prototype":1},"toString":null,"hasOwnProperty":1}',
      '[{"__proto__":[]}]',
      '"</script><b>\\u202e\\"\\\\\\r\\n${jndi:x}%s"',
      '"\\ud83d\\ude00"',
      nested(32),
      `"${'💬'.repeat(16_000)}"`,
    ];
    for (const value of values) {
      const { id } = accepted(await post(pod, `{"room":"r","data":${value}}`));
      const { data } = await client.received({ id });
      t.equal(JSON.stringify(data), JSON.stringify(JSON.parse(value)), value.slice(0, 60));
    }
    const { id } = accepted(await post(pod, '{"data":1,"room":"x","room":"r","data":2}'));
    const message = await client.received({ id });
    t.strictSame(Object.keys(message), ['id', 'type', 'room', 'from', 'data', 'timestamp']);
    t.match(message, { from: 'api', room: 'r', data: 2 }, 'of a key given twice the last holds');
  },
);

/** What is wrong with one message, whether alone or in a list. */
const WRONG: readonly (readonly [json: string, detail: string])[] = [
  ['{}', 'room: name the room, or null for everybody'],
  ['{"romm":"r","data":1}', 'romm: no field of a message; a message has room, type, data and id'],
  ['{"room":"r","data":1,"from":"x"}', 'from: no field of a message'],
  ['{"room":"r","data":1,"__proto__":{}}', '__proto__: no field of a message'],
  ['{"room":"r","data":1,"secret-x secret-x":1}', 'a field with a name of 17 characters: no field'],
  ['{"room":"r"}', 'data: expected any JSON value, got nothing'],
  ['{"room":"r","data":1,"type":"presence"}', 'type: send chat, notification or system'],
  ['{"room":"r","data":1,"type":"secret-x"}', 'type: send chat, notification or system'],
  ['{"room":"r","data":1,"type":null}', 'type: expected a string, got null'],
  ['{"room":"r","data":1,"type":["chat"]}', 'type: expected a string, got an array'],
  ['{"data":1,"room":"secret-x*"}', 'room: a name has 1 to 128 characters of '],
  ['{"data":1,"room":"stats"}', 'room: a name has 1 to 128 characters of '],
  ['{"data":1,"room":"__proto__"}', 'room: a name has 1 to 128 characters of '],
  [`{"data":1,"room":"${'a'.repeat(129)}"}`, 'room: a name has 1 to 128 characters of '],
  ['{"data":1,"room":7}', 'room: expected a string, got a number'],
  ['{"data":1,"room":{}}', 'room: expected a string, got an object'],
  ['{"room":"r","data":1,"id":""}', 'id: expected a string of 1 to 64 characters, got 0'],
  [
    `{"room":"r","data":1,"id":"${'é'.repeat(65)}"}`,
    'id: expected a string of 1 to 64 characters, got 65',
  ],
  ['{"room":"r","data":1,"id":5}', 'id: expected a string of 1 to 64 characters, got a number'],
  ['{"room":"r","data":1,"id":null}', 'id: expected a string of 1 to 64 characters, got null'],
  ['{"room":"r","data":1,"id":"\\u0000"}', 'id: remove the character U+0000 from the text'],
  ['{"room":"r","data":"\\u0000secret-x"}', 'data: remove the character U+0000 from the text'],
  [
    '{"room":"r","data":{"a\\ud800":1}}',
    'data: expected well-formed Unicode, got a lone surrogate',
  ],
  ['{"room":"r","data":[1e999]}', 'data: a number is NaN, too large for a double'],
  [
    `{"room":"r","data":${nested(33)}}`,
    'data: expected at most 32 arrays and objects inside each other',
  ],
  [
    `{"room":"r","data":${nested(30_000)}}`,
    'data: expected at most 32 arrays and objects inside each other',
  ],
  [
    `{"room":"r","data":[${'1e20,'.repeat(10_000)}1]}`,
    'data: expected at most 131072 bytes for the whole message',
  ],
  ['{"room":"r","data":1,"type":"system"}', 'data.event: expected a string, got nothing'],
  [
    '{"room":"r","data":{"event":7},"type":"system"}',
    'data.event: expected a string, got a number',
  ],
  [
    '{"room":"r","data":{"event":"ack"},"type":"system"}',
    'data.event: the name belongs to the server',
  ],
  [
    '{"room":"r","data":{"event":"draining"},"type":"system"}',
    'data.event: the name belongs to the server',
  ],
];

t.test(
  'when a message is invalid, then 400 names its index and no value, and nothing of the list is sent',
  async (t) => {
    const pod = await startPod(t);
    const client = await pod.connect('/ws/r');
    for (const [json, detail] of WRONG) {
      const alone = await post(pod, json);
      isProblem(t, alone, 400, detail);
      t.ok((JSON.parse(alone.body) as { detail: string }).detail.startsWith(detail), json);
      t.notMatch(alone.body, /secret-x/);
      const listed = await post(pod, `[{"room":"r","data":1},{"room":"r","data":2},${json}]`);
      t.ok(
        (JSON.parse(listed.body) as { detail: string }).detail.startsWith(`[2].${detail}`),
        listed.body,
      );
      t.notMatch(listed.body, /secret-x/);
    }
    for (const [body, detail] of [
      ['', 'body: expected one JSON object or an array of them, got nothing'],
      [' \n', 'body: expected one JSON object or an array of them, got nothing'],
      ['{"data":secret-x}', 'got text that is not JSON from line 1, column 9 on'],
      ["{'data':1}", 'got text that is not JSON'],
      ['{"data":1}{"data":2}', 'got text that is not JSON'],
      ['\ufeff{"data":1}', 'got text that is not JSON'],
      ['{"data":NaN}', 'got text that is not JSON'],
      [Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'body: expected UTF-8, got other bytes'],
      [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'body: expected UTF-8, got other bytes'],
      ['null', 'body: expected an object or an array, got null'],
      ['"secret-x"', 'body: expected an object or an array, got a string'],
      ['7', 'body: expected an object or an array, got a number'],
      ['[7]', '[0]: expected an object, got a number'],
      ['[{"room":"r","data":1},[]]', '[1]: expected an object, got an array'],
      [nested(30_000), '[0]: expected an object, got an array'],
      [
        JSON.stringify(Array(101).fill({ room: 'r', data: 1 })),
        'expected at most 100 messages, got 101',
      ],
    ] as const) {
      const answer = await post(pod, body);
      isProblem(t, answer, 400, detail);
      t.notMatch(answer.body, /secret-x/);
    }
    t.equal(await pod.metric('realtime_rejected{code="400"}'), 2 * WRONG.length + 16);
    await onlyThisIsReceived(t, pod, client);
  },
);

t.test(
  'when a list goes to several rooms, then each room gets its messages in order, and so has the answer',
  async (t) => {
    const pod = await startPod(t);
    const clients = await Promise.all(['/ws/a', '/ws/b', '/ws/c'].map((path) => pod.connect(path)));
    const list = Array.from({ length: 100 }, (_, i) => ({ room: 'abc'[(i * 7) % 3], data: i }));
    const answer = await post(pod, list);
    const { ids } = accepted(answer);
    t.strictSame(JSON.parse(answer.body), { ids }, 'the ids and nothing else');
    t.equal(new Set(ids).size, 100);
    for (const [i, client] of clients.entries()) {
      const due = list.flatMap(({ room, data }) => (room === 'abc'[i] ? [[data, ids[data]]] : []));
      await until('all are heard', () => receivedBy(client).length === due.length);
      t.strictSame(
        receivedBy(client).map(({ data, id }) => [data, id]),
        due,
      );
    }
    t.strictSame(JSON.parse((await post(pod, [])).body), { ids: [] }, 'no message is no fault');
    t.strictSame(
      accepted(await post(pod, [{ room: '', data: 1 }])).ids.length,
      1,
      'one in a list is a list',
    );
  },
);

t.test(
  'when an id comes again, then it is sent once; in another room anew; with other data it gets 409',
  async (t) => {
    const pod = await startPod(t);
    const client = await pod.connect('/ws/r');
    const first = await post(pod, { room: 'r', id: 'k 1:%', data: { a: 1 } });
    const again = await post(pod, '{"data": {"a":1.0}, "id":"k 1:%", "room":"r"}');
    t.strictSame(JSON.parse(again.body), { id: accepted(first).id, duplicate: true });
    t.notMatch(first.body, /duplicate/, 'said of a repeat alone');
    const capitals = 'F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6';
    const capital = await post(pod, { room: 'r', id: capitals, data: 1 });
    const small = await post(pod, { room: 'r', id: capitals.toLowerCase(), data: 1 });
    t.strictSame(JSON.parse(small.body), { id: accepted(capital).id, duplicate: true });
    t.equal((await post(pod, { room: 'r', id: capitals.toLowerCase(), data: 2 })).status, 409);
    t.not((await post(pod, { room: 's', id: 'k 1:%', data: { a: 1 } })).body, first.body);
    for (const other of [
      { room: 'r', id: 'k 1:%', data: { a: 2 } },
      { room: 'r', id: 'k 1:%', data: { a: 1 }, type: 'notification' },
    ])
      isProblem(t, await post(pod, other), 409, 'id: already used for a different message');

    const list = [
      { room: 'r', data: 'before' },
      { room: 'r', id: 'k 1:%', data: 'other' },
      { room: 'r', id: 'l', data: 'after' },
    ];
    const mixed = await post(pod, list);
    isProblem(t, mixed, 409, '[1].id: already used for a different message; use a new id');
    const { ids } = JSON.parse(mixed.body) as { ids: readonly (string | null)[] };
    t.strictSame(
      ids.map((id) => id === null),
      [false, true, false],
      'it says which were sent',
    );
    t.strictSame(
      accepted(await post(pod, [{ room: 'r', id: 'l', data: 'after' }])).ids,
      ids.slice(2),
      'so the rest may be said again',
    );
    const quarrel = [1, 1, 2].map((data) => ({ room: 'r', id: 'quarrel', data: `unsaid ${data}` }));
    isProblem(
      t,
      await post(pod, quarrel),
      409,
      '[2].id: used twice in this list for different messages',
    );
    const twins = [1, 1].map((data) => ({ room: 'r', id: 'twin', data }));
    const same = accepted(await post(pod, twins)).ids;
    t.equal(same[0], same[1]);
    t.strictSame(
      (await client.caughtUp(), receivedBy(client).map(({ data }) => data)),
      [{ a: 1 }, 1, 'before', 'after', 1],
      'of a list whose ids quarrel nothing is sent',
    );

    const uuid = '3f2b7e0c-8a41-4d6b-9a0e-2c5d1f7a9b10';
    client.send({ type: 'chat', id: uuid, data: 'mine' });
    const { id } = await client.received({ type: 'chat', data: 'mine' });
    const theirs = accepted(await post(pod, { room: 'r', id: uuid, data: 'theirs' }));
    t.not(theirs.id, id, "a client's key is not a program's");
    await client.received({ id: theirs.id });
  },
);

t.test('when a body is not JSON in UTF-8, then it is refused', async (t) => {
  const pod = await startPod(t);
  const client = await pod.connect('/ws/r');
  const body = '{"room":"r","data":"typed"}';
  const fine = [
    'application/json',
    'Application/JSON;charset=UTF-8',
    'application/json ; charset="utf-8"',
    'application/json; charset=utf8',
    'application/json; profile="x;y"',
  ];
  for (const type of fine) {
    const { id } = accepted(await post(pod, body, { 'Content-Type': type }));
    await client.received({ id });
  }
  const due = 'Content-Type: send the body as application/json in UTF-8, ';
  const wrong: readonly (readonly [headers: Readonly<Record<string, string>>, detail: string])[] = [
    [{}, `${due}with that header; the request has none`],
    [{ 'Content-Type': '' }, `${due}with that header; the request has none`],
    [{ 'Content-Type': 'text/plain' }, `${due}not as text/plain`],
    [
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      `${due}not as application/x-www-form-urlencoded`,
    ],
    [{ 'Content-Type': 'application/json5' }, `${due}not as application/json5`],
    [{ 'Content-Type': 'application/problem+json' }, `${due}not as application/problem+json`],
    [{ 'Content-Type': 'text/plain; application/json' }, `${due}not as text/plain`],
    [{ 'Content-Type': 'application/json; charset=latin1' }, `${due}not in another charset`],
    [{ 'Content-Type': 'application/json; charset="utf-16"' }, `${due}not in another charset`],
    [{ 'Content-Type': 'application/json;a=b;charset=us-ascii' }, `${due}not in another charset`],
    [{ 'Content-Type': 'json' }, `${due}not as another type`],
    [{ 'Content-Type': '/' }, `${due}not as another type`],
    [{ 'Content-Type': 'secret/hunter2' }, `${due}not as another type`],
    [{ 'Content-Type': `text/${'x'.repeat(33)}` }, `${due}not as another type`],
    [{ ...JSON_TYPE, 'Content-Encoding': 'gzip' }, 'Content-Encoding: '],
    [{ ...JSON_TYPE, 'Content-Encoding': 'identity, br' }, 'Content-Encoding: '],
  ];
  for (const [headers, detail] of wrong) {
    const answer = await post(pod, body, headers);
    isProblem(t, answer, 415, detail);
    t.equal(answer.headers['connection'], 'close');
  }
  t.equal(receivedBy(client).length, fine.length);
  t.equal(await pod.metric('realtime_rejected{code="415"}'), wrong.length);
});

t.test(
  'when a message is larger than a socket allows, then the answer is 413 with the index of the message',
  async (t) => {
    const pod = await startPod(t, { limits: { maxMessageBytes: 1_000 } });
    const client = await pod.connect('/ws/r');
    // brackets and commas of a text are none
    const begin = '{"room":"r","data":["\\"},]\\\\[{","';
    const sized = (bytes: number): string => `${begin}${'x'.repeat(bytes - begin.length - 3)}"]}`;
    accepted(await post(pod, sized(1_000)));
    isProblem(t, await post(pod, sized(1_001)), 413, 'body: a message may have at most 1000 bytes');
    const list = Array<string>(100).fill(sized(1_000));
    accepted(await post(pod, `[${list.join(' ,\n')} ]`));
    const last = `[${[...list.slice(1), sized(1_001)].join()}]`;
    isProblem(t, await post(pod, last), 413, '[99]: a message may have at most 1000 bytes');
    await client.caughtUp();
    t.equal(receivedBy(client).length, 101, 'of a list with one too large nothing is sent');
  },
);

t.test('when a parameter is unknown, then the request is 400 and names it', async (t) => {
  const pod = await startPod(t);
  const { id } = await pod.connect('/ws/r');
  for (const [method, path, detail] of [
    [
      'GET',
      '/rooms/r/messages?limt=5',
      'limt: no parameter of this endpoint; it takes only after, before, at, limit',
    ],
    ['GET', '/rooms/r?limit=5', 'limit: no parameter of this endpoint; it takes none'],
    ['HEAD', '/rooms/r?x', undefined],
    ['GET', '/ws/stats?rom=r', 'rom: no parameter of this endpoint; it takes only room'],
    ['POST', '/messages?room=r', 'room: no parameter'],
    ['DELETE', `/connections/${id}?force=1`, 'force: no parameter'],
    ['DELETE', '/users/alice/connections?all', 'all: no parameter'],
  ] as const) {
    const answer = await pod.get(BASE + path, method);
    if (detail === undefined) t.equal(answer.status, 400);
    else isProblem(t, answer, 400, detail);
  }
  for (const path of [
    '/health?x=1',
    '/ready?x=1',
    '/metrics?x=1',
    `${BASE}/ws/stats?room=r&token=`,
  ])
    t.equal((await pod.get(path)).status, 200, path);
  t.equal((await pod.get(`${BASE}/ws/r?x=1`)).status, 426, 'a handshake passes over it');
  await pod.connect('/ws/r?x=1');
});
