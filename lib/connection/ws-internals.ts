/**
 * The only uses of private fields of ws and of Node: neither has a public function for this. The version of
 * ws is pinned, and specs go red when a field changes: `ws-internals.spec.ts`, `spec/limits.spec.ts` ("half a
 * message") and `spec/fuzz/corpus`.
 */
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
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
 * The answer to an earlier request that the socket waits for. A second answer would overtake the first. Node
 * throws when it is asked to send both, which would end the process.
 */
export const pendingResponse = (socket: Socket): ServerResponse | undefined => {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return response instanceof ServerResponse ? response : undefined;
};
