/** The AsyncAPI document as a function of the tables of messages and codes. */
import t from 'tap';
import { asyncApi } from '../../lib/documents/asyncapi.js';
import { CLIENT_FRAMES } from '../../lib/documents/client-frames.js';
import { SERVER_FRAMES } from '../../lib/documents/server-frames.js';

const document = asyncApi({ basePath: '/b', host: 'localhost:1', isSecured: true });

t.test(
  'when a message is in a table, then the document has it once, with its direction',
  async (t) => {
    const actions = Object.values(document.operations).map(
      ({ action, title }) => `${action} ${title}`,
    );
    t.same(actions, [
      ...CLIENT_FRAMES.map(({ name }) => `receive ${name}`),
      ...SERVER_FRAMES.map(({ name }) => `send ${name}`),
    ]);
    for (const { name } of [...CLIENT_FRAMES, ...SERVER_FRAMES])
      t.match(document.components.messages[name], { name, payload: { type: 'object' } });
  },
);

t.test('when a message is answered, then the document names the answers', async (t) => {
  t.match(document.operations['receivePing'], {
    reply: { messages: [{ $ref: '#/channels/room/messages/pong' }, {}] },
  });
  t.notOk(document.operations['sendPong']?.reply);
});

t.test('when a base path is set, then the channels are below it', async (t) => {
  t.same(
    Object.values(document.channels).map(({ address }) => address),
    ['/b/ws/{room}', '/b/ws'],
  );
  t.match(document.channels['room'], { parameters: { room: {} } });
  t.notOk(document.channels['global']?.parameters);
  t.match(document.servers, { ws: { variables: { host: { default: 'localhost:1' } } }, wss: {} });
});

t.test('when the service asks for no token, then the document has no security', async (t) => {
  const open = asyncApi({ basePath: '', host: 'h', isSecured: false });
  t.notMatch(JSON.stringify(open), /security/);
  t.match(JSON.stringify(document), /securitySchemes/);
});
