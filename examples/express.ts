/**
 * Chat beside the routes of Express. What is lent to the chat is the HTTP server, which Express itself does not have:
 * make it with `createServer(express)`, or take what `express.listen()` returns.
 *
 *   npx tsx examples/express.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -X POST -H 'Content-Type: application/json' -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 */
import express from 'express';
import { createServer } from 'node:http';
// in a program of your own: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

interface Order {
  readonly id: string;
}

const routes = express();
routes.use(express.json());
routes.get('/', (_request, response) => {
  response.type('text').send('the page that was always here\n');
});
routes.post('/orders', async (request, response) => {
  const order = request.body as Order;
  // the same order twice is told once
  response.status(202).json(await chat.publish({ room: 'orders', data: order, key: order.id }));
});

const server = createServer(routes);
const chat = app({ config: configOrThrow({}, process.env), server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

process.once('SIGTERM', () => {
  // requests go on being answered while the chat's clients leave
  void chat.stop().then(() => server.close());
});
