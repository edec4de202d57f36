// One of several socket.io servers on one Redis, as its documentation sets them up: the adapter of Redis Streams, the only
// one for Redis with connection state recovery, and recovery for two minutes. A SIGTERM closes all connections.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

const http = createServer();
const redis = new Redis(process.env.REDIS_URL);
const io = new Server(http, {
  adapter: createAdapter(redis, { maxLen: 100_000 }),
  transports: ['websocket'],
  perMessageDeflate: false,
  serveClient: false,
  cors: { origin: '*' },
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
});

io.on('connection', (socket) => {
  if (!socket.recovered) socket.join('general');
  socket.on('chat', (data, answer) => {
    io.to('general').emit('chat', data);
    answer?.();
  });
});

process.once('SIGTERM', async () => {
  await io.close();
  // socket.io is writing the sessions to Redis
  await sleep(500);
  process.exit(0);
});

http.listen({ host: '127.0.0.1', port: Number(process.env.PORT) }, () =>
  process.stdout.write(`listening on ${http.address().port}\n`),
);
