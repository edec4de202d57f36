/** The OpenAPI document as a function of the table of routes. */
import * as c from 'io-ts';
import t from 'tap';
import { documentedPath, openApi } from '../../lib/documents/openapi.js';
import type { DocumentedRoute } from '../../lib/documents/operation.js';
import { RoomName } from '../../lib/documents/values.js';
import { SOCKET } from '../../lib/http/socket-operations.js';

const route: DocumentedRoute = {
  method: 'POST',
  path: '/b/rooms/:room',
  parameters: ['limit'],
  auth: 'operator',
  operation: {
    id: 'say',
    tag: 'rooms',
    summary: 'Says it.',
    parameters: { room: RoomName, limit: c.number },
    body: c.type({ a: c.string }),
    answers: { 202: { description: 'Done.', codec: c.type({ id: c.string }) } },
    examples: [
      {
        name: 'good',
        summary: 'A good one.',
        path: { room: 'general' },
        query: { limit: 2 },
        body: { a: 'x' },
        status: 202,
        answer: { id: 'i' },
      },
      { name: 'bad', summary: 'A bad one.', body: {}, status: 400, answer: { status: 400 } },
    ],
  },
};

t.test('when a route has an operation, then the document has both', async (t) => {
  const { paths, components } = openApi({ routes: [route], isSecured: true });
  t.match(paths['/b/rooms/{room}']?.['post'], {
    operationId: 'say',
    tags: ['rooms'],
    parameters: [
      {
        name: 'room',
        in: 'path',
        required: true,
        schema: { $ref: '#/components/schemas/RoomName' },
        examples: { good: { value: 'general' } },
      },
      { name: 'limit', in: 'query', required: false, schema: { type: 'number' } },
    ],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { required: ['a'] },
          examples: { good: { summary: 'A good one.', value: { a: 'x' } }, bad: { value: {} } },
        },
      },
    },
    responses: {
      202: { content: { 'application/json': { examples: { good: { value: { id: 'i' } } } } } },
      400: {
        content: {
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: { bad: { value: { status: 400 } } },
          },
        },
      },
      401: { headers: { 'WWW-Authenticate': {} } },
      403: {},
      503: { headers: { 'Retry-After': {} } },
    },
    security: [{ token: [] }, { tokenInQuery: [] }, { apiKey: [] }],
  });
  t.match(Object.keys(components.schemas), ['MessageId', 'Problem', 'RoomName']);
});

t.test('when the service asks for no token, then the document has no security', async (t) => {
  const { paths, components, info } = openApi({ routes: [route], isSecured: false });
  const operation = paths['/b/rooms/{room}']?.['post'];
  t.same(operation?.security, []);
  t.notOk(operation?.responses['401']);
  t.notOk(components.securitySchemes);
  t.match(info.description, 'asks for no token');
});

t.test('when a route is a file of a page, then no document lists it', async (t) => {
  const { paths } = openApi({ routes: [{ ...route, operation: undefined }], isSecured: false });
  t.same(paths, {});
});

t.test(
  'when a WebSocket has query parameters, then the document has them, with an optional token',
  async (t) => {
    const socket: DocumentedRoute = {
      method: 'GET',
      path: '/b/ws/*',
      auth: 'none',
      operation: SOCKET,
    };
    const { paths } = openApi({ routes: [socket], isSecured: true });
    const { parameters = [], security } = paths['/b/ws/{room}']?.['get'] ?? {};
    t.same(
      parameters.map(({ name, in: where }) => `${where} ${name}`),
      ['path room', 'query last_id'],
    );
    t.same(security, [{ token: [] }, { tokenInQuery: [] }, { apiKey: [] }, {}]);
  },
);

t.test('when a parameter has no codec, then the program is told so', async (t) => {
  const bare = { ...route, parameters: ['after'] };
  t.throws(() => openApi({ routes: [bare], isSecured: false }), /give the parameter after a codec/);
});

t.test('when a path has parameters, then the documents write them in braces', async (t) => {
  t.equal(documentedPath('/b/users/:id/connections'), '/b/users/{id}/connections');
  t.equal(documentedPath('/b/ws/*'), '/b/ws/{room}');
});
