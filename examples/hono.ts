/**
 * Chat beside the routes of Hono on Node: `getRequestListener` turns them into a listener of an HTTP server of yours, which is lent to the chat.
 *
 *   npx tsx examples/hono.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *   curl -X POST -d deployed http://127.0.0.1:8080/notices
 */
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { createServer } from 'node:http';
// in a program of your own: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

const routes = new Hono();
routes.get('/', (context) => context.text('the page that was always here\n'));
routes.get('/chat-stats', (context) => context.json(chat.stats()));
routes.post('/notices', async (context) => {
  const text = await context.req.text();
  return context.json(await chat.publish({ room: 'general', data: { text } }), 202);
});

const listener = getRequestListener(routes.fetch);
const server = createServer((request, response) => void listener(request, response));
const chat = app({ config: configOrThrow({}, process.env), server });
await chat.start();

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? (address?.port ?? '') : address}`);
});

process.once('SIGTERM', () => void chat.stop().then(() => server.close()));
