/** Bugs that a client library may have. Seeds with applications on the client library find them. */
import type { Bug } from './bugs.js';

const RECEIVED = 'lib/client/received.ts';
const OUTBOX = 'lib/client/outbox.ts';
const ROOMS = 'lib/client/rooms.ts';
const CONNECTIONS = 'lib/client/connections.ts';

export const CLIENT_BUGS: readonly Bug[] = [
  {
    name: 'client: a position forgotten',
    changes: [{ file: ROOMS, from: 'data: { last_id: room.lastId }', to: 'data: {}' }],
  },
  {
    name: 'client: the position of the global log forgotten',
    changes: [
      { file: CONNECTIONS, from: 'lastId: rooms.get(GLOBAL)?.lastId', to: 'lastId: undefined' },
    ],
  },
  {
    // the server takes it for another message
    name: 'client: sent again under another id',
    changes: [
      {
        file: OUTBOX,
        from: 'const next = paced(at, connection, text, (then) => ({',
        to: `const again = sentOn === undefined ? text : text.replace(/"id":"./, '"id":"0');
    const next = paced(at, connection, again, (then) => ({`,
      },
    ],
  },
  {
    name: 'client: sent again without its id',
    changes: [
      {
        file: OUTBOX,
        from: 'const next = paced(at, connection, text, (then) => ({',
        to: `const again = sentOn === undefined ? text : text.replace(/"id":"[^"]*",/, '');
    const next = paced(at, connection, again, (then) => ({`,
      },
    ],
  },
  {
    name: 'client: not sent again',
    changes: [
      { file: OUTBOX, from: 'if (connectionOf(at, sentOn)) {', to: 'if (sentOn !== undefined) {' },
    ],
  },
  {
    // a later message is sent while an earlier one of its room waits
    name: 'client: order of a room not kept',
    changes: [
      {
        file: OUTBOX,
        from: 'if (!connection || blocked.has(room)) {',
        to: 'if (!connection) {',
      },
    ],
  },
  {
    name: 'client: repeats shown',
    changes: [{ file: RECEIVED, from: ' || isRepeat(room, message)) return', to: ') return' }],
  },
  {
    // a message of the new epoch is taken for a repeat
    name: 'client: repeats known by the id alone',
    changes: [
      {
        file: RECEIVED,
        from: ": id <= (lasts[tagIn(id)] ?? '')",
        to: ': Object.values(lasts).some((last) => id <= last)',
      },
    ],
  },
  {
    name: 'client: a gap swallowed',
    changes: [
      {
        file: RECEIVED,
        from: 'return isFirst && !isLeaving',
        to: 'return state.nowMs < 0',
      },
    ],
  },
  {
    // the second connection may lack messages that the first one got
    name: 'client: a gap of a handover taken for none',
    changes: [
      {
        file: RECEIVED,
        from: 'connections: state.connections.slice(0, 1),',
        to: 'connections: state.connections,',
      },
    ],
  },
  {
    // a message that came on the second connection only is lost
    name: 'client: messages of the second connection dropped',
    changes: [
      {
        file: RECEIVED,
        from: ' || isRepeat(room, message)) return state;\n',
        to: ' || !isFirst || isRepeat(room, message))\n    return state;\n',
      },
    ],
  },
  {
    name: 'client: a dead connection not noticed',
    changes: [
      {
        file: CONNECTIONS,
        from: "if (!session || isPinged) return ended(socket, 1006, 'no sign of life')(at);",
        to: 'if (isPinged) return at;',
      },
    ],
  },
];
