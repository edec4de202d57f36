/** The socket of a client whose own tab leads. */
import t from 'tap';
import { ClientSocket } from '../../../lib/client/share/client-socket.js';

t.test(
  'when the leader answers before the client listens, then the client gets the answer, once',
  async (t) => {
    const got: unknown[] = [];
    const socket = new ClientSocket(
      () => undefined,
      () => undefined,
    );
    socket.emit('message', { data: 'welcome' });
    socket.emit('close', { code: 1001 });
    socket.addEventListener('message', ({ data }) => got.push(data));
    socket.addEventListener('close', ({ code }) => got.push(code));
    t.same(got, ['welcome', 1001]);
    socket.emit('message', { data: 'next' });
    socket.close();
    socket.emit('message', { data: 'late' });
    socket.addEventListener('message', ({ data }) => got.push(data));
    t.same(got, ['welcome', 1001, 'next']);
  },
);
