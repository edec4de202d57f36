/**
 * The server's `upgrade` events: several apps and other listeners of the program may share the HTTP server.
 *
 *   upgrade ─┬─ below an app's base path ─┬─ no other listener ─► that app
 *            │                            └─ others ─ end of the turn ─ taken? ─ no ─► that app
 *            └─ below none ─┬─ no other listener ─► answered as a plain request (RFC 9110 §7.8)
 *                           └─ others ─► left alone
 *
 * Other listeners have precedence, in whatever order they were added: a listener that takes the socket keeps
 * it. Node passes every upgrade to every listener, and does not show whether one of them has taken it. The
 * signs are a written byte, a reader on the socket, an assigned response, or the end of the socket.
 */
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import { isOurs } from './handshake.js';
import { pendingResponse } from './ws-internals.js';

/** An upgrade that an app may take. */
export interface UpgradeOffer {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  /** Whether another listener has taken the socket: then nothing more is written to it. */
  readonly isTaken: () => boolean;
}

/** An app on a server. */
export interface UpgradeHandler {
  readonly basePath: string;
  /** False while the app drains: then another app may use the same base path. */
  readonly isOpen: () => boolean;
  readonly handle: (offer: UpgradeOffer) => void;
  /** An upgrade below the base path was taken by another listener. */
  readonly lost: () => void;
  /** Ends a socket whose earlier request has no answer yet. Absent: the answer is awaited. */
  readonly cutOff: ((request: IncomingMessage, socket: Socket) => void) | undefined;
}

interface Shared {
  /** The newest first. */
  apps: readonly UpgradeHandler[];
  readonly close: () => void;
}

const SHARED = new WeakMap<Server, Shared>();

/** Whether an app that takes connections has this base path of the server. */
export const isTaken = (server: Server, basePath: string): boolean =>
  SHARED.get(server)?.apps.some((app) => app.basePath === basePath && app.isOpen()) ?? false;

/** Adds an app to a server. Returns the function that removes it. */
export const routeUpgrades = (server: Server, clock: Clock, app: UpgradeHandler): (() => void) => {
  const shared = SHARED.get(server) ?? listen(server, clock);
  shared.apps = [app, ...shared.apps];
  return () => {
    shared.apps = shared.apps.filter((other) => other !== app);
    if (shared.apps.length === 0) shared.close();
  };
};

const listen = (server: Server, clock: Clock): Shared => {
  const appOf = (request: IncomingMessage): UpgradeHandler | undefined =>
    shared.apps
      .filter(({ basePath }) => isOurs(request, basePath))
      // the longest base path first: `/api/ws/ws` is the socket of an app at `/api/ws`, and also the room
      // `ws` of an app at `/api`
      .toSorted((a, b) => b.basePath.length - a.basePath.length)[0];
  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const app = appOf(request);
    const hasOthers = server.listenerCount('upgrade') > 1;
    if (app === undefined && hasOthers) return;
    // from the first tick: an error without a listener would end the process
    stream.on('error', destroy);
    if (!(stream instanceof Socket)) return void stream.destroy();
    // while an earlier answer is being written, bytes on the socket do not show that a listener took it
    const written = pendingResponse(stream) === undefined ? stream.bytesWritten : undefined;
    const offer: UpgradeOffer = {
      request,
      socket: stream,
      head,
      isTaken: () => hasOthers && isTouched(request, stream, written),
    };
    const go = (): void => {
      if (pendingResponse(stream) !== undefined && !offer.isTaken()) {
        const cutOff = (app ?? shared.apps[0])?.cutOff;
        return cutOff === undefined ? whenAnswered(stream, go) : cutOff(request, stream);
      }
      if (app === undefined) asRequest(server, clock, offer);
      else if (offer.isTaken()) {
        stream.off('error', destroy);
        app.lost();
      } else app.handle(offer);
    };
    if (hasOthers) clock.turn(go);
    else go();
  };
  const shared: Shared = {
    apps: [],
    close: () => {
      server.off('upgrade', upgrade);
      SHARED.delete(server);
    },
  };
  SHARED.set(server, shared);
  // as the first listener: it must know the state of the socket before other listeners use it
  server.prependListener('upgrade', upgrade);
  return shared;
};

/** The error listener of a socket that no listener has taken yet. */
export function destroy(this: Duplex): void {
  this.destroy();
}

/** Whether a listener has used the socket since Node passed it on. */
const isTouched = (
  request: IncomingMessage,
  socket: Socket,
  written: number | undefined,
): boolean =>
  socket.destroyed ||
  !socket.writable ||
  (written !== undefined && socket.bytesWritten !== written) ||
  // a socket that Node has just passed on is not flowing, and not paused
  socket.readableFlowing !== null ||
  pendingResponse(socket)?.req === request;

/** Calls `work` when the earlier requests have been answered, unless the socket has ended by then. */
const whenAnswered = (socket: Socket, work: () => void): void => {
  const earlier = pendingResponse(socket);
  if (earlier === undefined) return work();
  earlier.once('close', () => {
    if (!socket.destroyed) whenAnswered(socket, work);
  });
};

/**
 * An upgrade that no listener takes is answered as a plain request (RFC 9110 §7.8); `curl --http2` offers one
 * with every request. Node has handed over the socket, and has not read the body: it treats those bytes as
 * another protocol's. So the server gets the request once more, without the offer: limits, times, body and
 * answer are those of any request. It is the last request on its socket.
 */
const asRequest = (server: Server, clock: Clock, { request, socket, head }: UpgradeOffer): void => {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  const headers = rawHeaders.flatMap((name, at) =>
    at % 2 === 1 || HOP_BY_HOP.has(name.toLowerCase())
      ? []
      : [`${name}: ${rawHeaders[at + 1] ?? ''}`],
  );
  const lines = [`${method} ${url} HTTP/${httpVersion}`, ...headers, 'Connection: close', '', ''];
  // in the form in which Node read it
  socket.unshift(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), head]));
  // not at once: the parser that would read the socket is still running
  clock.turn(() => {
    socket.off('error', destroy);
    // removes the timeout that an earlier answer has left: the server sets a new one
    socket.setTimeout(0);
    // the event at which the server begins to read requests; HTTPS and HTTP/2 have one of their own
    if (!socket.destroyed)
      server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket);
  });
};

const HOP_BY_HOP: ReadonlySet<string> = new Set(['upgrade', 'connection']);
