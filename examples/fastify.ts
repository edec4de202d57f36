/**
 * Chat beside the routes of Fastify. The chat starts and stops with the Fastify server, by two of its hooks.
 *
 *   npx tsx examples/fastify.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -H 'Content-Type: application/json' -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 *
 * Use `preClose`, not `onClose`. Fastify runs `onClose` after its server has closed, and the server waits for the
 * WebSockets, which `chat.stop()` closes. Add the hooks before `listen`. `@fastify/websocket` answers every upgrade of
 * its server, also the upgrades of the chat, with 404: give the chat another server, or do without that plugin.
 */
import fastify from 'fastify';
// in your own program: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

/** What a caller sends: `{"id":"o-17","total":42}`. */
const idOf = (order: unknown): string | undefined =>
  typeof order === 'object' && order !== null && 'id' in order && typeof order.id === 'string'
    ? order.id
    : undefined;

/** What a caller is told when `publish` rejects: a status and a text, never a stack. */
const refusalOf = (error: unknown): readonly [status: number, text: string] => {
  const text = error instanceof Error ? error.message : 'the order was not published';
  if (error instanceof TypeError) return [400, text];
  return [text.startsWith('key:') ? 409 : 503, text];
};

const http = fastify();

const chat = app({ config: configOrThrow({}, process.env), server: http.server });
http.addHook('onReady', async () => {
  await chat.start();
});
http.addHook('preClose', () => chat.stop());

http.get('/', () => 'the page that was always here\n');
http.get('/chat-stats', () => chat.stats());
http.post('/orders', async ({ body: order }, reply) => {
  const key = idOf(order);
  if (key === undefined) return reply.code(400).send({ error: 'id: give the order an id' });
  // a caller that sends the order again gets the same id, with `duplicate` true; members get one message
  const receipt = await chat.publish({ room: 'orders', data: order, key }).catch(refusalOf);
  if ('id' in receipt) return reply.code(202).send(receipt);
  const [status, error] = receipt;
  return reply.code(status).send({ error });
});

const address = await http.listen({
  port: Number(process.env['PORT'] ?? 8080),
  host: '127.0.0.1',
});
console.log(`listening on port ${new URL(address).port}`);

const stop = (): void => void http.close();
process.once('SIGTERM', stop).once('SIGINT', stop);
