/** The history of the scripted server: the answers to `room.history()`. */
import type { Fetch } from '../client/options.js';
import type { RoomLog } from './room-log.js';

const LIMIT = 100;

export const historyOf =
  (logOf: (room: string) => RoomLog): Fetch =>
  async (url) => {
    const { pathname, searchParams } = new URL(url);
    const room = /\/rooms\/([^/]+)\/messages$/.exec(pathname)?.[1];
    if (room === undefined)
      return { status: 404, json: async () => ({ detail: `nothing is at ${pathname}` }) };
    const limit = Number(searchParams.get('limit') ?? LIMIT);
    const page = logOf(decodeURIComponent(room)).page(searchParams.get('before'), limit);
    return { status: 200, json: async () => page };
  };
