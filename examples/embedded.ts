/**
 * Chat inside a `node:http` server that you have already: your routes stay yours, WebSockets below /api/chat-api are the chat's.
 *
 *   npx tsx examples/embedded.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *
 * `configOrThrow` reads the environment as it is given it here: REDIS_URL, DRAIN_MS and the rest of .env.example have effect.
 */
import { createServer } from 'node:http';
// in a program of your own: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

const server = createServer((request, response) => {
  if (request.url === '/chat-stats') {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(chat.stats()));
  } else {
    response.setHeader('Content-Type', 'text/plain').end('the page that was always here\n');
  }
});

const config = configOrThrow({ limits: { maxRoomsPerConnection: 10 } }, process.env);
const chat = app({ config, server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

process.once('SIGTERM', () => {
  // clients are told when to come back, and closed in turn with 1001; then nothing holds the process
  void chat.stop().then(() => server.close());
});
