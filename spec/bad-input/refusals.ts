/** Messages of a client, and how each is answered: a value that passes, or a refusal with its code. */
import { randomUUID } from 'node:crypto';
import { formatId } from '../../lib/protocol/position.js';
import { type Client, type Message, positionOf } from '../support/client.js';
import { BASE } from '../support/pod.js';
import { until } from '../support/redis.js';
import { isProblem } from './handshake.js';
import { once, type Row, type Stage } from './row.js';

/** Of the pod. */
export const ENV = { RATE_LIMIT_BURST: '2000', RATE_LIMIT_BYTES: '100000000' };

/** A text in values that no answer may repeat. */
export const SECRET = 'hunter2';

interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** The error that comes, with what would be wrong about it. */
export const errorOf = async (client: Client): Promise<string> => {
  const { code, message, ...more } = (await client.received({ type: 'error' })).data as Refusal;
  if (message.includes(SECRET)) return `err ${code}, which shows the value: ${message}`;
  if (Object.keys(more).some((key) => !['ref', 'retry_in_ms'].includes(key)))
    return `err ${code} with ${Object.keys(more).join()}`;
  return `err ${code}${/^(?:id|type|room|data)[a-z_.]*: /.test(message) ? ` ${message.split(':')[0] ?? ''}` : ''}`;
};

const isOpen = async (client: Client): Promise<boolean> => {
  await client.caughtUp();
  return client.socket.readyState === 1;
};

/** What is refused, the connection stays; `due` is the code, and the field that the text names. */
export const refused = (row: string, sent: string, text: string, due: string): Row => ({
  row,
  sent,
  due: `err ${due}`,
  counted: once(`rejected ${due.split(' ')[0] ?? ''}`),
  play: async (stage) => {
    const before = stage.received().length;
    const client = await stage.connect('/ws/general');
    client.send(text);
    const error = await errorOf(client);
    if (!(await isOpen(client))) return `${error}, then closed`;
    return stage
      .received()
      .slice(before)
      .some(({ type }) => type === 'chat')
      ? `${error}, and passed on`
      : error;
  },
});

const FIELDS = ['id', 'type', 'room', 'from', 'data', 'timestamp'];

/** Sends a text; resolves with what the listener gets of it. */
export const deliveredOf = async (stage: Stage, client: Client, text: string): Promise<Message> => {
  const before = stage.received().length;
  const found = (): Message | undefined =>
    stage
      .received()
      .slice(before)
      .find(({ type, from }) => type === 'chat' && from === client.id);
  client.send(text);
  await until('it is heard', () => found() !== undefined);
  return found()!;
};

/** A message that passes: every member gets the six fields of the server, and an equal JSON value. */
export const passes = (row: string, sent: string, text: string, data?: unknown): Row => ({
  row,
  sent,
  due: 'heard, equal',
  play: async (stage) => {
    const client = await stage.connect('/ws/general');
    const message = await deliveredOf(stage, client, text);
    const due: unknown = data === undefined ? (JSON.parse(text) as Message).data : data;
    if (Object.keys(message).join() !== FIELDS.join())
      return `heard, with ${Object.keys(message).join()}`;
    return JSON.stringify(message.data) === JSON.stringify(due) ? 'heard, equal' : 'heard, changed';
  },
});

export const value = (row: string, sent: string, json: string): Row =>
  passes(row, sent, `{"type":"chat","data":${json}}`);

export const badValue = (row: string, sent: string, json: string): Row =>
  refused(row, sent, `{"type":"chat","data":${json}}`, 'invalid_message data');

export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** The answer to a `last_id` in a `join`: the gap, then the replayed messages. */
export const resumed = (
  sent: string,
  due: string | RegExp,
  idOf: (stage: Stage, client: Client) => Promise<unknown>,
): Row => ({
  row: 'J13',
  sent,
  due,
  ...(typeof due === 'string' && due.startsWith('err')
    ? { counted: once('rejected invalid_message') }
    : {}),
  play: async (stage) => {
    const client = await stage.connect('/ws');
    client.send({ type: 'join', room: 'general', data: { last_id: await idOf(stage, client) } });
    const isAnswer = ({ type, data }: Message): boolean =>
      type === 'error' ||
      (type === 'system' &&
        (data as { readonly event: string; readonly room?: string }).event === 'joined' &&
        (data as { readonly room?: string }).room === 'general');
    await until('an answer', () => client.messages.some(isAnswer));
    if (client.all({ type: 'error' }).length > 0) return errorOf(client);
    const { recovered } = client.messages.find(isAnswer)?.data as { readonly recovered?: number };
    const gaps = client
      .all({ data: { event: 'gap' } })
      .map(({ data }) => `gap ${(data as { readonly reason: string }).reason}, `);
    return `${gaps.join('')}joined${recovered === undefined ? '' : `, ${recovered === 0 ? 'none' : 'some'} replayed`}`;
  },
});

/** An id of the room that the residents talk in, changed. */
export const idLike =
  (change: (id: ReturnType<typeof positionOf>) => Partial<ReturnType<typeof positionOf>>) =>
  async (stage: Stage): Promise<string> => {
    const client = await stage.connect('/ws/general');
    const position = positionOf(await client.received({ type: 'chat' }));
    return formatId({ ...position, ...change(position) });
  };

export const history = (limit: string): Row => ({
  row: 'J14',
  sent: `history, limit=${limit}`,
  due: '400',
  counted: once('rejected 400'),
  play: async (stage) => {
    const { status, headers, body } = await stage.get(
      `${BASE}/rooms/general/messages?limit=${limit}`,
    );
    return isProblem(
      status,
      new Map(Object.entries(headers).map(([name, text]) => [name, String(text)])),
      body,
    )
      ? String(status)
      : body;
  },
});

/** A message of exactly so many bytes when it is encoded again, of few bytes as it is received. */
export const encodedTo = (bytes: number): string => {
  const around = JSON.stringify({
    id: randomUUID(),
    type: 'chat',
    room: 'general',
    from: randomUUID(),
    data: [''],
    timestamp: new Date().toISOString(),
  }).length;
  // 1e20 is written as 100000000000000000000
  const numbers = 5_000;
  const rest = 'x'.repeat(bytes - around - numbers * 22);
  return `{"type":"chat","data":[${'1e20,'.repeat(numbers)}"${rest}"]}`;
};

export const MORE = Array.from({ length: 1_000 }, (_, i) => `"k${i}":${i}`).join(',');
