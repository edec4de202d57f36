/**
 * A hook sees every chat and every presence of a client before a member gets it, by whichever way the message came:
 * socket, HTTP or program. This hook
 *
 * - replaces bad words by stars;
 * - refuses advertising, and tells the sender so;
 * - drops an empty text; the sender gets an `ack` without an `id`.
 *
 *   npx tsx examples/profanity-filter.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *   > {"type":"chat","data":{"content":"darn"}}
 *
 * A hook may also answer with a promise or an Observable, within one second. When the hook takes longer or throws, the
 * sender of that message gets `unavailable`, and no other message is affected.
 */
// in your own program: from 'chat-api'
import { app, configOrThrow, type Hooks, reject } from '../lib/index.js';

const BAD_WORDS = /\b(darn|heck)\b/gi;
const ADVERTISING = /\bbuy now\b/i;

const isText = (data: unknown): data is { readonly content: string } =>
  typeof data === 'object' &&
  data !== null &&
  'content' in data &&
  typeof data.content === 'string';

const hooks: Hooks = {
  onConnect: (connection) => connection.notify({ content: 'Mind your language, please.' }),
  onMessage: (message) => {
    // a status without a text
    if (message.type === 'presence' && !isText(message.data)) return message;
    if (!isText(message.data)) return reject('data.content: send a text');
    const { content } = message.data;
    if (content.trim() === '') return null;
    if (ADVERTISING.test(content)) return reject('no advertising here');
    const clean = content.replace(BAD_WORDS, (word) => '*'.repeat(word.length));
    return { ...message, data: { ...message.data, content: clean } };
  },
};

const config = configOrThrow({ server: { port: 8080 } }, process.env);
const chat = app({ config, hooks });
const address = await chat.start();
console.log(`listening on port ${address?.port ?? ''}`);

const stop = (): void => void chat.stop();
process.once('SIGTERM', stop).once('SIGINT', stop);
