/**
 * A bot for Node: it answers commands in a room, and goes on when the server restarts.
 *
 *     npx tsx examples/client/bot.ts ws://127.0.0.1:8000/api/chat-api/ws general
 *
 * A command is answered once: the client shows each message once, and publishes an answer under one id however
 * often it reconnects. Commands that came while the bot itself was not running are not answered; to answer
 * them too, keep the last of `room.position$` in a file, and pass it as `after`.
 */
import { connect } from 'chat-api/client';
import { firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';

const [url = 'ws://127.0.0.1:8000/api/chat-api/ws', name = 'general'] = process.argv.slice(2);

// Node 20 has no WebSocket of its own
const chat = connect({ url, WebSocket });
const room = chat.room(name);

const COMMANDS: Readonly<Record<string, () => unknown>> = {
  '!ping': () => 'pong',
  '!time': () => new Date().toISOString(),
  '!members': () => firstValueFrom(room.members$),
};

chat.status$.subscribe(({ _tag }) => process.stdout.write(`${_tag}\n`));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => chat.close());

// ends when the client is closed: by `close`, or by a close code after which it must not come back
for await (const { id, data } of room) {
  const command = typeof data === 'string' ? COMMANDS[data] : undefined;
  if (command === undefined) continue;
  // not awaited: the bot reads on while an answer waits for its ack
  Promise.resolve(command())
    .then((text) => room.publish({ re: id, text }))
    .catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
}
