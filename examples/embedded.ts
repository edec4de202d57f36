/**
 * Chat inside a server that you have already: your routes stay yours, WebSockets below /api/chat-api are the chat's.
 *
 *   npx tsx examples/embedded.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *
 * With fastify it is the same, as a fastify instance has such a server too:
 *
 *   const http = fastify();
 *   const chat = app({ config, server: http.server });
 *   http.get('/chat-stats', () => chat.stats());
 *   await http.listen({ port: 8080 });
 *   await chat.start();
 *   http.addHook('onClose', () => chat.stop());
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { createServer } from 'node:http';
// in a program of your own: from 'chat-api'
import { app, configOf } from '../lib/index.js';

const config = configOf({ limits: { maxRoomsPerConnection: 10 } });
if (isLeft(config)) throw new Error(JSON.stringify(config.left));

const server = createServer((request, response) => {
  if (request.url === '/chat-stats') {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(chat.stats()));
  } else {
    response.setHeader('Content-Type', 'text/plain').end('the page that was always here\n');
  }
});

const chat = app({ config: config.right, server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

process.once('SIGTERM', () => {
  // clients are told when to come back, and closed in turn; then nothing holds the process
  void chat.stop().then(() => server.close());
});
