/** The history of the scripted server: the answers to `room.history()`. */
import type { Fetch } from '../client/options.js';
import type { RoomLog } from './room-log.js';

const LIMIT = 100;

const answer = (status: number, body: unknown): ReturnType<Fetch> =>
  Promise.resolve({ status, json: () => Promise.resolve(body) });

export const historyOf =
  (logOf: (room: string) => RoomLog): Fetch =>
  (url) => {
    const { pathname, searchParams } = new URL(url, 'http://server');
    const room = /\/rooms\/([^/]+)\/messages$/.exec(pathname)?.[1];
    if (room === undefined) return answer(404, { detail: `nothing is at ${pathname}` });
    const limit = Number(searchParams.get('limit') ?? LIMIT);
    return answer(200, logOf(decodeURIComponent(room)).page(searchParams.get('before'), limit));
  };
