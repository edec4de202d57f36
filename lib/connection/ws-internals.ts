/**
 * What depends on how ws and Node work inside: private fields, as neither has a public function for this, and
 * a method that ws calls. The version of ws is pinned, and specs go red when a field changes:
 * `spec/connection/ws-internals.spec.ts` and `spec/fuzz/corpus`.
 */
import { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** Whether a message has begun and has not ended. */
export const isMidMessage = (webSocket: WebSocket): boolean => {
  const receiver: unknown = Reflect.get(webSocket, '_receiver');
  if (typeof receiver !== 'object' || receiver === null) return false;
  return ['_state', '_bufferedBytes', '_fragmented'].some(
    (field) => Reflect.get(receiver, field) !== 0,
  );
};

/**
 * The answer to an earlier request that the socket waits for. An answer to the upgrade would overtake it.
 * When Node is asked to send both, it throws, which would end the process.
 */
export const pendingResponse = (socket: Socket): ServerResponse | undefined => {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return response instanceof ServerResponse ? response : undefined;
};

/**
 * ws ends a socket again when the peer has ended it, and when it is closed. For a socket that has ended, Node
 * makes an error with a stack each time, and drops it: 6% of the CPU time of a short connection.
 */
export const endOnce = (socket: Socket): void => {
  socket.end = end;
};

function end(this: Socket, ...data: readonly unknown[]): Socket {
  const isAgain = data.length === 0 && this.writableEnded;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- applied to `this`
  if (!isAgain) Reflect.apply(Socket.prototype.end, this, data);
  return this;
}
