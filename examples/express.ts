/**
 * Chat beside the routes of Express. The chat needs the HTTP server, which an Express application does not contain:
 * make the server with `createServer(routes)`, or take the server that `routes.listen()` returns.
 *
 *   npx tsx examples/express.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -H 'Content-Type: application/json' -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 */
import express, { type ErrorRequestHandler } from 'express';
import { createServer } from 'node:http';
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

/** Express itself would answer with the stack of the error: a body that is not JSON, a fault in a route. */
const withoutStack: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  const isBody = error instanceof Error && 'type' in error; // from express.json()
  response.status(isBody ? 400 : 500).json({ error: isBody ? error.message : 'internal error' });
};

const routes = express();
routes.use(express.json());
routes.get('/', (_request, response) => {
  response.type('text').send('the page that was always here\n');
});
routes.post('/orders', async (request, response) => {
  const order: unknown = request.body;
  const key = idOf(order);
  if (key === undefined) return response.status(400).json({ error: 'id: give the order an id' });
  // a caller that sends the order again gets the same id, with `duplicate` true; members get one message
  const receipt = await chat.publish({ room: 'orders', data: order, key }).catch(refusalOf);
  if ('id' in receipt) return response.status(202).json(receipt);
  const [status, error] = receipt;
  return response.status(status).json({ error });
});
routes.use(withoutStack);

const server = createServer(routes);
const chat = app({ config: configOrThrow({}, process.env), server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

// requests are answered while the clients of the chat leave
const stop = (): void => void chat.stop().then(() => server.close());
process.once('SIGTERM', stop).once('SIGINT', stop);
