/**
 * Chat inside a `node:http` server that exists already. The server keeps its routes. The chat takes the WebSockets below
 * /api/chat-api.
 *
 *   npx tsx examples/embedded.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *
 * The second argument of `configOrThrow` is the environment: REDIS_URL, DRAIN_MS and the other variables of .env.example
 * have effect through it. A file `.env` has none: only the service reads it.
 */
import { createServer } from 'node:http';
// in your own program: from 'chat-api'
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

// SIGTERM, or Ctrl-C: clients are told when to come back and are closed with 1001; then nothing holds the process.
// The second Ctrl-C ends the process at once
const stop = (): void => void chat.stop().then(() => server.close());
process.once('SIGTERM', stop).once('SIGINT', stop);
