/** A server that a program lends to an app, and clients that open a WebSocket there. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Test } from 'tap';
import { WebSocket } from 'ws';
import { type App, type AppOptions, app, configOf, type HubEvent } from '../../lib/index.js';
import { ACCESS } from './credentials.js';
import { type Doors, doorsOf } from './pod.js';

type Overrides = NonNullable<Parameters<typeof configOf>[0]>;

export interface Lent {
  readonly server: Server;
  readonly doors: Doors;
  readonly asked: string[];
}

/** The server of a program. It answers every request with 418 and the body of the request. */
export const lent = async (t: Test, server: Server = createServer()): Promise<Lent> => {
  const asked: string[] = [];
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.statusCode = 418;
      response.end(`own page ${body}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, asked, doors: doorsOf(t, (server.address() as AddressInfo).port) };
};

export interface Embedded {
  readonly chat: App;
  readonly events: readonly HubEvent[];
  readonly lost: () => number;
}

export const embed = async (
  t: Test,
  server: Server,
  overrides: Overrides = {},
  options: Partial<AppOptions> = {},
): Promise<Embedded> => {
  const config = configOf({
    access: ACCESS,
    ...overrides,
    server: { drainMs: 1_000, ...overrides.server },
  });
  if (config._tag === 'Left') throw new Error(JSON.stringify(config.left));
  const events: HubEvent[] = [];
  const chat = app({
    config: config.right,
    server,
    onEvent: (event) => events.push(event),
    ...options,
  });
  await chat.start();
  t.teardown(() => chat.stop({ hurry: true }));
  return {
    chat,
    events,
    lost: () => events.filter(({ _tag }) => _tag === 'UpgradeTaken').length,
  };
};

/** A WebSocket that keeps its first message and its end. */
export const visitor = async (
  t: Test,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly outcome: string; readonly socket: WebSocket }> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  t.teardown(() => socket.terminate());
  const outcome = await new Promise<string>((resolve) => {
    socket.once('message', (data: Buffer) => resolve(data.toString()));
    socket.once('unexpected-response', (_request, response: IncomingMessage) =>
      resolve(String(response.statusCode)),
    );
    socket.once('error', (error) => resolve(error.message));
    socket.once('close', (code) => resolve(`closed ${code}`));
    setTimeout(() => resolve('nothing'), 2_000).unref();
  });
  return { outcome, socket };
};

export const CHAT = '/api/chat-api/ws/general';
export const isWelcome = /"event":"welcome"/;
