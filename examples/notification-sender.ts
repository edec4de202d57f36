/**
 * A program that tells a room something: an order comes in by HTTP, everybody in the room `orders` hears of it.
 *
 *   npx tsx examples/notification-sender.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 *
 * The order's id is the idempotency key: a caller that tries again tells nobody twice.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
// in a program of your own: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

/** What comes in: `{"id":"o-17","total":42}`. */
const idOf = (order: unknown): string | undefined =>
  typeof order === 'object' && order !== null && 'id' in order && typeof order.id === 'string'
    ? order.id
    : undefined;

const take = async (
  request: IncomingMessage,
): Promise<readonly [status: number, answer: object]> => {
  if (request.method !== 'POST') return [405, { error: 'expected POST' }];
  const order: unknown = await json(request).catch(() => undefined);
  const key = idOf(order);
  if (key === undefined) return [400, { error: 'expected an order with an id' }];
  const { id, duplicate } = await chat.publish({ room: 'orders', from: 'shop', data: order, key });
  return [202, { message: id, duplicate }];
};

const server = createServer((request, response) => {
  void take(request)
    // such as the same id with another total
    .catch((error: unknown) => [409, { error: String(error) }] as const)
    .then(([status, answer]) => response.writeHead(status).end(JSON.stringify(answer)));
});

const chat = app({ config: configOrThrow({}, process.env), server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

process.once('SIGTERM', () => void chat.stop().then(() => server.close()));
