/** A client that publishes in all rooms, so that there are messages to resume from. */
import { WebSocket } from 'ws';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';

export interface Publisher {
  /** Publishes to each of these rooms; resolves when all messages are acknowledged. */
  readonly publish: (rooms: readonly Room[], data?: unknown) => Promise<void>;
  readonly stop: () => void;
}

const HOST = '127.0.0.1';

export const publisher = async (port: number, rooms: readonly Room[]): Promise<Publisher> => {
  const socket = new WebSocket(`ws://${HOST}:${port}/api/chat-api/ws`, {
    perMessageDeflate: false,
  });
  const waiting = new Map<string, () => void>();
  socket.on('message', (bytes: Buffer) => {
    const text = bytes.toString();
    if (!text.includes('"type":"system"')) return;
    const { data } = JSON.parse(text) as { readonly data?: Readonly<Record<string, unknown>> };
    const key = data?.['event'] === 'joined' ? `joined ${String(data['room'])}` : data?.['ref'];
    if (typeof key === 'string') waiting.get(key)?.();
  });
  await new Promise((resolve) => socket.once('open', resolve));
  const answered = (key: string, message: object): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(key, () => {
        waiting.delete(key);
        resolve();
      });
      socket.send(JSON.stringify(message));
    });
  for (const room of rooms) await answered(`joined ${room}`, { type: 'join', room });
  let n = 0;
  return {
    publish: async (some, data = {}) => {
      await Promise.all(
        some.map((room) => {
          const id = `p${++n}`;
          return answered(id, { type: 'chat', id, room: room === GLOBAL ? '' : room, data });
        }),
      );
    },
    stop: () => socket.terminate(),
  };
};
