/**
 * A port for `PORT=0` with workers: all of them must listen on the same one, also those that start when all
 * others have ended.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Another program may take the port before the workers do: then the start fails, as for any taken port. */
export const freePort = async (host: string): Promise<number> => {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};
