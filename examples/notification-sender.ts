/**
 * A program that tells a room of each order: an order comes by HTTP, and every member of the room `orders` gets a
 * notification of it.
 *
 *   npx tsx examples/notification-sender.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 *
 * The id of the order is the idempotency key: when a caller sends the order again, the members get no second message.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
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

const answerTo = async (
  request: IncomingMessage,
): Promise<readonly [status: number, answer: object]> => {
  if (request.method !== 'POST') return [405, { error: 'send the order with POST' }];
  const order: unknown = await json(request).catch(() => undefined);
  const key = idOf(order);
  if (key === undefined) return [400, { error: 'send an order in JSON with an id' }];
  const receipt = await chat
    .publish({ room: 'orders', from: 'shop', data: order, key })
    .catch(refusalOf);
  if ('id' in receipt) return [202, { message: receipt.id, duplicate: receipt.duplicate }];
  const [status, error] = receipt;
  return [status, { error }];
};

const server = createServer((request, response) => {
  void answerTo(request).then(([status, answer]) =>
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer)),
  );
});

const chat = app({ config: configOrThrow({}, process.env), server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

const stop = (): void => void chat.stop().then(() => server.close());
process.once('SIGTERM', stop).once('SIGINT', stop);
