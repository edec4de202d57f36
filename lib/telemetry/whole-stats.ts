/** The stats of all workers (`WORKERS`) as those of one service. */
import * as t from 'io-ts';
import type { Stats } from './stats.js';

const Part = t.intersection([
  t.type({
    connections: t.number,
    uptime_s: t.number,
    messages_received: t.number,
    messages_sent: t.number,
    room_names: t.array(t.string),
  }),
  t.partial({ room: t.type({ name: t.string, connections: t.number }) }),
]);
type Part = t.TypeOf<typeof Part>;

/**
 * Adds up the parts. A room that has members on several workers counts once. The uptime is that of the oldest
 * worker. `own`: the stats of the worker that answers.
 */
export const wholeStats = (parts: readonly unknown[], serverId: string, own: Stats): Stats => {
  const valid = parts.filter(Part.is);
  const sum = (of: (part: Part) => number): number =>
    valid.reduce((all, part) => all + of(part), 0);
  return {
    connections: sum(({ connections }) => connections),
    rooms: new Set(valid.flatMap(({ room_names }) => room_names)).size,
    server_id: serverId,
    uptime_s: Math.max(own.uptime_s, ...valid.map(({ uptime_s }) => uptime_s)),
    messages_received: sum(({ messages_received }) => messages_received),
    messages_sent: sum(({ messages_sent }) => messages_sent),
    broker: own.broker,
    ...(own.room === undefined
      ? {}
      : {
          room: { name: own.room.name, connections: sum(({ room }) => room?.connections ?? 0) },
        }),
  };
};
