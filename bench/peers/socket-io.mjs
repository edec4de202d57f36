// The same room on socket.io: WebSocket from the start, its own broadcast to a room, nothing else switched on.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  serveClient: false,
});

io.on('connection', (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on('chat', (content) => io.to(room).emit('chat', content));
});

http.listen({ host: '127.0.0.1', port: Number(process.env.PORT), backlog: 4096 });
