/**
 * Chat beside the routes of Hono on Node. `getRequestListener` makes a request listener of the routes; the HTTP server
 * around it is yours, and the chat takes its WebSocket upgrades.
 *
 *   npx tsx examples/hono.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 */
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { createServer } from 'node:http';
// in your own program: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

/** What a caller sends: `{"id":"o-17","total":42}`. */
const idOf = (order: unknown): string | undefined =>
  typeof order === 'object' && order !== null && 'id' in order && typeof order.id === 'string'
    ? order.id
    : undefined;

/** What a caller is told when `publish` rejects: a status and a text, never a stack. */
const refusalOf = (error: unknown): readonly [status: 400 | 409 | 503, text: string] => {
  const text = error instanceof Error ? error.message : 'the order was not published';
  if (error instanceof TypeError) return [400, text];
  return [text.startsWith('key:') ? 409 : 503, text];
};

const routes = new Hono();
routes.get('/', (context) => context.text('the page that was always here\n'));
routes.get('/chat-stats', (context) => context.json(chat.stats()));
routes.post('/orders', async (context) => {
  const order: unknown = await context.req.json().catch(() => undefined);
  const key = idOf(order);
  if (key === undefined) return context.json({ error: 'send an order in JSON with an id' }, 400);
  // a caller that sends the order again gets the same id, with `duplicate` true; members get one message
  const receipt = await chat.publish({ room: 'orders', data: order, key }).catch(refusalOf);
  if ('id' in receipt) return context.json(receipt, 202);
  const [status, error] = receipt;
  return context.json({ error }, status);
});

const listener = getRequestListener(routes.fetch);
const server = createServer((request, response) => void listener(request, response));
const chat = app({ config: configOrThrow({}, process.env), server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

const stop = (): void => void chat.stop().then(() => server.close());
process.once('SIGTERM', stop).once('SIGINT', stop);
