/**
 * `chat-api watch ROOM`: the messages and gaps of a room as lines on standard output. What happens to the
 * connection goes to standard error.
 *
 * Source: it subscribes to the streams of the client, and ends when the client is closed or a signal comes.
 */
import { isLeft } from 'fp-ts/lib/Either.js';
import { WebSocket } from 'ws';
import { type Chat, connect, type Status } from '../client/index.js';
import { configOfProcess } from '../config/of-process.js';
import { urlText } from '../config/summary.js';
import { isRoomName, ROOM_RULE } from '../protocol/position.js';
import { gapLine, messageLine } from './lines.js';
import { misconfigured, misused, optionsIn, type Terminal } from './terminal.js';

const OPTIONS = { url: { type: 'string' }, token: { type: 'string' } } as const;

export const watch = async (args: readonly string[], terminal: Terminal): Promise<number> => {
  const options = optionsIn(args, OPTIONS);
  if (isLeft(options)) return misused(options.left, terminal);
  const { values, positionals } = options.right;
  const { token = '' } = values;
  const [room, ...others] = positionals;
  if (room === undefined || others.length > 0)
    return misused(
      `write one room: chat-api watch general (or '' for messages to everybody)`,
      terminal,
    );
  if (room !== '' && !isRoomName(room))
    return misused(`${JSON.stringify(room)}: the name of a room has ${ROOM_RULE}`, terminal);
  if (values.url !== undefined && !/^wss?:\/\/./.test(values.url))
    return misused(
      `--url ${values.url}: write an address such as wss://host/api/chat-api/ws`,
      terminal,
    );

  const { config } = configOfProcess(terminal.env, terminal.directory);
  if (values.url === undefined && isLeft(config)) return misconfigured(config.left, terminal);
  const url = values.url ?? (isLeft(config) ? '' : ownUrl(config.right.server));
  const chat = connect({
    url,
    WebSocket,
    token: () => token,
  });
  return watching(chat, room, url, terminal);
};

/** The address of the service that this configuration starts. */
const ownUrl = ({
  host,
  port,
  basePath,
}: {
  readonly host: string;
  readonly port: number;
  readonly basePath: string;
}): string => `${urlText(host, port).replace(/^http/, 'ws')}${basePath}/ws`;

/** Resolves with 0 after a signal, with 1 when the server does not allow it. */
const watching = (
  chat: Chat,
  name: string,
  url: string,
  { print, complain, stopped }: Terminal,
): Promise<number> =>
  new Promise((resolve) => {
    const end = (code: number): void => {
      watched.unsubscribe();
      chat.close();
      resolve(code);
    };
    const room = name === '' ? chat.global : chat.room(name);
    const watched = room.message$.subscribe((message) => print(messageLine(message)));
    watched.add(room.gap$.subscribe(({ reason }) => print(gapLine(reason))));
    watched.add(
      room.event$.subscribe((event) => {
        if (event._tag !== 'Refused') return;
        complain(`refused: ${event.message}`);
        end(1);
      }),
    );
    watched.add(
      chat.status$.subscribe((status) => {
        const line = statusLine(status, url);
        if (line !== undefined) complain(line);
        if (status._tag === 'Closed') end(1);
      }),
    );
    void stopped.then(() => end(0));
  });

const statusLine = (status: Status, url: string): string | undefined => {
  switch (status._tag) {
    case 'Live':
      return `live at ${url}, pod ${status.serverId}${status.degraded ? ', whose messages reach its own members only' : ''}`;
    case 'Draining':
      return `the pod ${status.serverId} drains: another connection is opened`;
    case 'Waiting':
      return `not connected to ${url} (${status.because}): it is tried again`;
    case 'Closed':
      return `closed with ${status.code}: ${status.because}${ADVICE[status.code] ?? ''}`;
    case 'Idle':
    case 'Connecting':
    case 'Offline':
      return undefined;
  }
};

const ADVICE: Readonly<Record<number, string>> = {
  4001: '; write a valid token with --token, such as one of chat-api token --sub alice',
};
