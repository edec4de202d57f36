/** An app in a program that has a server of its own. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { isLeft } from 'fp-ts/lib/Either.js';
import { type Test } from 'tap';
import { type App, app, type AppOptions, configOf } from '../../lib/index.js';
import { ACCESS } from './credentials.js';

export const ownServer = async (t: Test): Promise<Server & { readonly port: number }> => {
  const server = createServer((_request, response) => response.writeHead(418).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
};

export const embedded = async (t: Test, server: Server): Promise<App> => {
  const config = configOf({ server: { drainMs: 1_000 }, access: ACCESS });
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  const chat = app({ config: config.right, server });
  await chat.start();
  t.teardown(() => chat.stop({ hurry: true }));
  return chat;
};

export const configured = (overrides: NonNullable<Parameters<typeof configOf>[0]>): AppOptions => {
  const config = configOf({ access: ACCESS, ...overrides });
  if (isLeft(config)) throw new Error(JSON.stringify(config.left));
  return { config: config.right };
};
