/**
 * The documents are true: every example in them is sent to the running service, and answered as documented.
 * What the service sends is valid by the schemas of the documents.
 */
import t, { type Test } from 'tap';
import { needsCredentials } from '../lib/documents/access.js';
import type { AsyncApi } from '../lib/documents/asyncapi.js';
import type { Examples, OpenApi, OperationObject } from '../lib/documents/openapi-types.js';
import { jsonText } from '../lib/documents/page-examples.js';
import { type Client, type Message } from './support/client.js';
import { ask, BASE, type HttpAnswer, type Pod, startPod } from './support/pod.js';
import { type Judge, judgeOf } from './support/schemas.js';
import { inSeconds, SECRET, tokenOf } from './support/tokens.js';

const KEY = 'the-key-of-the-documents-0123456789abcdef';
const GUARDED = { access: { authEnabled: true, jwtSecret: SECRET, apiKeys: [KEY] } };
const OPEN = { access: { authEnabled: false, apiKeys: [] } };

const documentOf = async <D>({ port }: Pod, path: string): Promise<D> =>
  JSON.parse((await ask({ port, path, method: 'GET', headers: {} })).body) as D;

// HTTP

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** The status that has an answer of this example; undefined: any of the 2xx. */
  readonly status: string | undefined;
  readonly answer: unknown;
  readonly operation: OperationObject;
}

const valueIn = (examples: Examples | undefined, name: string): unknown => examples?.[name]?.value;

/** All examples of a document, in its order. */
const requestsIn = ({ paths }: OpenApi): readonly Request[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => {
      const { parameters = [], requestBody, responses } = operation;
      const bodies = requestBody?.content['application/json']?.examples;
      const answers = Object.entries(responses).map(
        ([status, { content = {} }]) => [status, Object.values(content)[0]?.examples] as const,
      );
      const names = new Set(
        [
          bodies,
          ...parameters.map(({ examples }) => examples),
          ...answers.map(([, examples]) => examples),
        ].flatMap((examples) => Object.keys(examples ?? {})),
      );
      return [...(names.size === 0 ? ['plain'] : names)].map((name): Request => {
        const [status, answer] =
          answers.find(([, examples]) => valueIn(examples, name) !== undefined) ?? [];
        const query = parameters
          .filter((one) => one.in === 'query' && valueIn(one.examples, name) !== undefined)
          .map((one) => `${one.name}=${String(valueIn(one.examples, name))}`);
        return {
          method: method.toUpperCase(),
          path:
            path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) =>
              String(valueIn(parameters.find((one) => one.name === parameter)?.examples, name)),
            ) + (query.length === 0 ? '' : `?${query.join('&')}`),
          body: valueIn(bodies, name),
          status,
          answer: valueIn(answer, name),
          operation,
        };
      });
    }),
  );

/** The kinds of the values in a value, without the values: they differ from run to run. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]));
};

const send = ({ port }: Pod, { method, path, body }: Request, headers = {}): Promise<HttpAnswer> =>
  ask(
    {
      port,
      path,
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
    },
    body === undefined ? undefined : JSON.stringify(body),
  );

const check = (
  t: Test,
  request: Request,
  { status, headers, body }: HttpAnswer,
  openApi: OpenApi,
): void => {
  const name = `${request.method} ${request.path} ${jsonText(request.body ?? null)}`;
  if (request.status === undefined) t.match(String(status), /^2/, name);
  else t.equal(String(status), request.status, name);
  const documented = request.operation.responses[status];
  const [[mediaType, content] = []] = Object.entries(documented?.content ?? {});
  t.equal(String(headers['content-type']).split(';')[0], mediaType, name);
  if (mediaType === undefined || !mediaType.includes('json')) return;
  const answer = JSON.parse(body) as unknown;
  t.ok(judgeOf(content?.schema ?? {}, openApi.components.schemas)(answer), `${name}: ${body}`);
  if (request.answer === undefined) return;
  // a problem is the same each time
  if (status >= 400) t.same(answer, request.answer, name);
  else t.same(shapeOf(answer), shapeOf(request.answer), name);
};

t.test('when an example of OpenAPI is sent, then it is answered as documented', async (t) => {
  const pod = await startPod(t, OPEN);
  const openApi = await documentOf<OpenApi>(pod, '/openapi.json');
  const requests = requestsIn(openApi);
  t.ok(requests.length > 20, String(requests.length));
  for (const request of requests) check(t, request, await send(pod, request), openApi);
});

t.test('when tokens are required, then the same holds with a key, and 401 without', async (t) => {
  const pod = await startPod(t, GUARDED);
  const openApi = await documentOf<OpenApi>(pod, '/openapi.json');
  for (const request of requestsIn(openApi)) {
    const bare = await send(pod, request);
    if (needsCredentials(request.operation)) {
      t.equal(bare.status, 401, request.path);
      check(t, { ...request, status: '401', answer: undefined }, bare, openApi);
    }
    check(t, request, await send(pod, request, { 'X-API-Key': KEY }), openApi);
  }
});

// WebSocket

interface Judged {
  readonly judges: Readonly<Record<string, Judge>>;
  /** The names of the server's messages that a message is one of. */
  readonly namesOf: (message: Message) => readonly string[];
  /** The examples of the clients' messages, with the names of their answers. */
  readonly examples: readonly { readonly payload: Payload; readonly answers: readonly string[] }[];
}

interface Payload {
  readonly type: string;
  readonly room?: string;
  readonly id?: string;
  readonly data?: unknown;
}

const judged = ({ operations, components }: AsyncApi): Judged => {
  const of = (action: string) =>
    Object.values(operations).filter((operation) => operation.action === action);
  const judges = Object.fromEntries(
    of('send').map(({ title }) => [
      title,
      judgeOf(components.messages[title]?.payload ?? {}, components.schemas),
    ]),
  );
  return {
    judges,
    namesOf: (message) => Object.keys(judges).filter((name) => judges[name]?.(message)),
    examples: of('receive').flatMap(({ title, reply }) =>
      (components.messages[title]?.examples ?? []).map(({ payload }) => ({
        payload: payload as Payload,
        answers: (reply?.messages ?? []).map(({ $ref }) => $ref.slice($ref.lastIndexOf('/') + 1)),
      })),
    ),
  };
};

/** The answer to a message: by its `ref`; of one without an `id`, the next message to its sender. */
const answerTo = async (client: Client, { type, id, room }: Payload): Promise<Message> => {
  if (id !== undefined) return client.received({ data: { ref: id } });
  if (type === 'ping') return client.received({ type: 'pong' });
  if (type === 'join') return client.received({ room, data: { event: 'joined' } });
  return client.received({ type, from: client.name });
};

t.test('when an example of AsyncAPI is sent, then it is answered as documented', async (t) => {
  const pod = await startPod(t, GUARDED);
  const { examples, namesOf, judges } = judged(await documentOf<AsyncApi>(pod, '/asyncapi.json'));
  // ends so soon that `token_expiring` comes at once
  const token = (): string => tokenOf({ sub: 'alice', exp: inSeconds(20) });
  const client = await pod.connect(`/ws/general?token=${token()}`);
  const bearer = { Authorization: `Bearer ${tokenOf({ sub: 'bob' })}` };
  const other = await pod.connect('/ws/general', { headers: bearer });
  for (const { payload, answers } of examples) {
    client.send(JSON.parse(JSON.stringify(payload).replace('TOKEN', token())) as Payload);
    const answer = await answerTo(client, { ...payload });
    const names = namesOf(answer);
    t.notSame(names, [], JSON.stringify(answer));
    t.not(answer.type, 'error', JSON.stringify(answer));
    // without an id, a published message is answered by the message itself
    if (payload.id !== undefined)
      t.ok(
        names.some((name) => answers.includes(name)),
        `${payload.type}: ${names.join(' ')}`,
      );
  }
  // an error, a notification, and what a program calls an event
  client.send({ type: 'chat', room: 'elsewhere', data: 1 });
  await client.received({ type: 'error' });
  for (const message of [
    { room: 'general', type: 'notification', data: 1 },
    { room: 'general', type: 'system', data: { event: 'maintenance' } },
  ])
    await ask(
      {
        port: pod.port,
        path: `${BASE}/messages`,
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-API-Key': KEY },
      },
      JSON.stringify(message),
    );
  await client.received({ data: { event: 'maintenance' } });
  await other.close();
  await client.received({ type: 'presence', data: { status: 'offline' } });
  void pod.app.stop();
  await client.received({ data: { event: 'draining' } });
  const seen = new Set<string>();
  for (const message of [...client.messages, ...other.messages]) {
    const names = namesOf(message);
    t.equal(names.length, 1, `${names.join(' ')}: ${JSON.stringify(message)}`);
    for (const name of names) seen.add(name);
  }
  // of an outage: `spec/documents/server-frames.spec.ts` encodes these two
  t.same(
    Object.keys(judges).filter((name) => !seen.has(name)),
    ['degraded', 'restored'],
  );
});
