/** Publishing over HTTP, as a program does it. */
import { type Test } from 'tap';
import { type Client, type Message } from './client.js';
import { asProgram } from './credentials.js';
import { ask, BASE, type HttpAnswer, type Pod } from './pod.js';
import { linesOf } from './raw-client.js';

export const PATH = `${BASE}/messages`;

export const JSON_TYPE = { 'Content-Type': 'application/json' };

export const MIB = 1_048_576;

/** One request on a socket of its own. An object becomes JSON; text and bytes are sent as they are. */
export const post = (
  { port }: Pick<Pod, 'port'>,
  body: unknown,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<HttpAnswer> =>
  ask(
    { port, path: PATH, method: 'POST', headers: asProgram(headers) },
    typeof body === 'string' || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
  );

interface Answer {
  readonly id: string;
  readonly ids: readonly string[];
}

export const accepted = ({ status, headers, body }: HttpAnswer): Answer => {
  if (status !== 202) throw new Error(`${status}: ${body}`);
  if (!String(headers['content-type']).startsWith('application/json')) throw new Error('not JSON');
  return JSON.parse(body) as Answer;
};

export const receivedBy = ({ messages }: Client): readonly Message[] =>
  messages.filter(
    ({ type, data }) =>
      ['chat', 'notification'].includes(type) ||
      (type === 'system' && String((data as { event?: string }).event).startsWith('app.')),
  );

export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** Posts a valid message, and checks that every client gets it and got nothing before it. */
export const onlyThisIsReceived = async (
  t: Test,
  pod: Pod,
  ...clients: readonly Client[]
): Promise<void> => {
  const { id } = accepted(await post(pod, { room: 'r', data: 'fine' }));
  for (const client of clients) {
    await client.received({ id });
    t.strictSame(
      receivedBy(client).map((message) => message.id),
      [id],
    );
  }
};

export const head = (lines: readonly string[]): string =>
  [
    `POST ${PATH} HTTP/1.1`,
    linesOf(asProgram({ Host: 'x', ...JSON_TYPE })).trimEnd(),
    ...lines,
    '',
    '',
  ].join('\r\n');

export const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${' '.repeat(bytes)}\r\n`;
