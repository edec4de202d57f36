/**
 * Upgrades of an HTTP server, which other apps and other listeners of the program may share:
 *
 *   upgrade ─┬─ below the base path of an app ─┬─ nobody else listens ──────────────────────► that app
 *            │                                 └─ others do ─ end of the turn ─ taken? ─ no ─► that app, else left alone
 *            └─ of no app ─┬─ nobody else listens ─► answered as if no upgrade had been offered (RFC 9110 §7.8)
 *                          └─ others do ───────────► left alone
 *
 * Others come first, whenever their listener was added: whoever takes a connection has it. Node gives every
 * listener every upgrade, and says to none whether another has taken it; what shows is a byte written, a
 * reader on the socket, a response assigned, an end.
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
  /** Whether somebody else has taken the socket: then nothing more is written to it. */
  readonly isTaken: () => boolean;
}

/** An app on a server. */
export interface UpgradeHandler {
  readonly basePath: string;
  /** False while it drains: then another app may have the same base path. */
  readonly isOpen: () => boolean;
  readonly handle: (offer: UpgradeOffer) => void;
  /** What came below the base path was taken by somebody else. */
  readonly lost: () => void;
  /** Ends a socket that still owes the answer to an earlier request; without it that answer is waited for. */
  readonly cutOff: ((request: IncomingMessage, socket: Socket) => void) | undefined;
}

interface Shared {
  /** The newest first. */
  doors: readonly UpgradeHandler[];
  readonly close: () => void;
}

const SHARED = new WeakMap<Server, Shared>();

/** Whether an app that takes connections has this base path of the server. */
export const isTaken = (server: Server, basePath: string): boolean =>
  SHARED.get(server)?.doors.some((door) => door.basePath === basePath && door.isOpen()) ?? false;

/** Puts an app on a server; gives back what takes it off. */
export const routeUpgrades = (server: Server, clock: Clock, door: UpgradeHandler): (() => void) => {
  const shared = SHARED.get(server) ?? listen(server, clock);
  shared.doors = [door, ...shared.doors];
  return () => {
    shared.doors = shared.doors.filter((other) => other !== door);
    if (shared.doors.length === 0) shared.close();
  };
};

const listen = (server: Server, clock: Clock): Shared => {
  const doorOf = (request: IncomingMessage): UpgradeHandler | undefined =>
    shared.doors
      .filter(({ basePath }) => isOurs(request, basePath))
      // `/api/ws` before `/api`, which has a room of that name
      .toSorted((a, b) => b.basePath.length - a.basePath.length)[0];
  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const door = doorOf(request);
    const hasOthers = server.listenerCount('upgrade') > 1;
    if (door === undefined && hasOthers) return;
    // from the first tick: an error without a listener would end the process
    stream.on('error', destroy);
    if (!(stream instanceof Socket)) return void stream.destroy();
    // what is written to an earlier answer says nothing
    const written = pendingResponse(stream) === undefined ? stream.bytesWritten : undefined;
    const offer: UpgradeOffer = {
      request,
      socket: stream,
      head,
      isTaken: () => hasOthers && isTouched(request, stream, written),
    };
    const go = (): void => {
      if (pendingResponse(stream) !== undefined && !offer.isTaken()) {
        const cutOff = (door ?? shared.doors[0])?.cutOff;
        return cutOff === undefined ? whenAnswered(stream, go) : cutOff(request, stream);
      }
      if (door === undefined) asRequest(server, clock, offer);
      else if (offer.isTaken()) {
        stream.off('error', destroy);
        door.lost();
      } else door.handle(offer);
    };
    if (hasOthers) clock.turn(go);
    else go();
  };
  const shared: Shared = {
    doors: [],
    close: () => {
      server.off('upgrade', upgrade);
      SHARED.delete(server);
    },
  };
  SHARED.set(server, shared);
  // before the others: what they do to a socket shows against what it was
  server.prependListener('upgrade', upgrade);
  return shared;
};

/** The error listener of a socket that nobody has yet. */
export function destroy(this: Duplex): void {
  this.destroy();
}

/** Whether anybody has done something with the socket since node let go of it. */
const isTouched = (
  request: IncomingMessage,
  socket: Socket,
  written: number | undefined,
): boolean =>
  socket.destroyed ||
  !socket.writable ||
  (written !== undefined && socket.bytesWritten !== written) ||
  // node leaves it neither flowing nor paused
  socket.readableFlowing !== null ||
  pendingResponse(socket)?.req === request;

/** When the requests before have been answered, unless the socket ends with that. */
const whenAnswered = (socket: Socket, work: () => void): void => {
  const earlier = pendingResponse(socket);
  if (earlier === undefined) return work();
  earlier.once('close', () => {
    if (!socket.destroyed) whenAnswered(socket, work);
  });
};

/**
 * Whoever offers an upgrade that nobody takes (`curl --http2` does everywhere) is answered as if it had not:
 * RFC 9110 §7.8. Node has let go of the socket and taken the body for another protocol's, so the server is
 * given all of it once more, without the offer: bounds, times, body and answer are then those of any request.
 * It is the last one on its socket.
 */
const asRequest = (server: Server, clock: Clock, { request, socket, head }: UpgradeOffer): void => {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  const headers = rawHeaders.flatMap((name, at) =>
    at % 2 === 1 || HOP_BY_HOP.has(name.toLowerCase())
      ? []
      : [`${name}: ${rawHeaders[at + 1] ?? ''}`],
  );
  const lines = [`${method} ${url} HTTP/${httpVersion}`, ...headers, 'Connection: close', '', ''];
  // as node read it
  socket.unshift(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), head]));
  // not at once: this is still called by the parser that the socket would get again
  clock.turn(() => {
    socket.off('error', destroy);
    // of an answer before: the server sets its own
    socket.setTimeout(0);
    // where HTTPS and HTTP/2 begin to read requests
    if (!socket.destroyed)
      server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket);
  });
};

const HOP_BY_HOP: ReadonlySet<string> = new Set(['upgrade', 'connection']);
