/**
 * Chat beside the routes of Fastify: a plugin of a few lines, which starts and stops with the server that it is registered in.
 *
 *   npx tsx examples/fastify.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *
 * `preClose`, not `onClose`: Fastify runs `onClose` when its server has closed, and the server waits for the WebSockets, which only
 * `chat.stop()` closes. Hooks are added before `listen`. `@fastify/websocket` answers every upgrade of its server, the chat's with 404:
 * give the chat another server, or leave the plugin out.
 */
import fastify from 'fastify';
// in a program of your own: from 'chat-api'
import { app, configOrThrow } from '../lib/index.js';

const http = fastify();

const chat = app({ config: configOrThrow({}, process.env), server: http.server });
http.addHook('onReady', async () => {
  await chat.start();
});
http.addHook('preClose', () => chat.stop());

http.get('/', () => 'the page that was always here\n');
http.get('/chat-stats', () => chat.stats());

const address = await http.listen({
  port: Number(process.env['PORT'] ?? 8080),
  host: '127.0.0.1',
});
console.log(`listening on port ${new URL(address).port}`);

process.once('SIGTERM', () => void http.close());
