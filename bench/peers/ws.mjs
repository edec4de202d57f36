// The smallest honest room on `ws`: no envelope, no log, no limits; every member gets the text by one `send`.
import { WebSocket, WebSocketServer } from 'ws';

const rooms = new Map();
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env.PORT),
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
});

server.on('connection', (socket, request) => {
  const name = request.url;
  const members = rooms.get(name) ?? new Set();
  rooms.set(name, members.add(socket));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    members.delete(socket);
    if (members.size === 0 && rooms.get(name) === members) rooms.delete(name);
  });
  socket.on('message', (data) => {
    for (const member of members)
      if (member.readyState === WebSocket.OPEN) member.send(data, { binary: false });
  });
});
