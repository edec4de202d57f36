/** A pipe carries frames both ways, and a pipe whose other end has gone takes no frame and throws nothing. */
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { firstValueFrom, take, toArray } from 'rxjs';
import t, { type Test } from 'tap';
import { framePipe } from '../../lib/workers/frame-pipe.js';

const pair = async (t: Test): Promise<readonly [Socket, Socket]> => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const accepted = once(server, 'connection');
  const one = connect(address.port, '127.0.0.1');
  await once(one, 'connect');
  const [two] = (await accepted) as [Socket];
  t.teardown(() => {
    one.destroy();
    two.destroy();
    server.close();
  });
  return [one, two];
};

t.test('when frames are sent, then the other end gets them whole and in order', async (t) => {
  const [one, two] = await pair(t);
  const [from, to] = [framePipe(one), framePipe(two)];
  const frames = [Buffer.from('a'), Buffer.alloc(30_000_000, 7), Buffer.alloc(0)];
  for (const frame of frames) from.send(frame);
  t.ok(from.unsentBytes() > 0, 'nobody reads yet: what is not written is counted');
  const received = firstValueFrom(to.frame$.pipe(take(3), toArray()));
  t.strictSame(
    (await received).map((frame) => frame.length),
    [1, 30_000_000, 0],
  );
  t.equal(from.unsentBytes(), 0);
});

t.test('when the other end has gone, then a frame is dropped and nothing throws', async (t) => {
  const [one, two] = await pair(t);
  const from = framePipe(one);
  two.destroy();
  from.send(Buffer.alloc(100_000));
  await once(one, 'close');
  from.send(Buffer.from('x'));
  t.equal(one.writable, false);
});
