/**
 * A say in what is said: every chat, by socket, HTTP or program, and every client's presence passes a hook before anybody gets it. This
 * one turns bad words into stars, refuses advertising with a word to its sender, and drops what is empty: its sender hears that it was
 * accepted.
 *
 *   npx tsx examples/profanity-filter.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *   > {"type":"chat","data":{"content":"darn"}}
 *
 * A hook may answer with a promise or an Observable too. It has a second; one that takes longer or throws harms that
 * message alone: its sender hears `unavailable`.
 */
// in a program of your own: from 'chat-api'
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
    // a status without words
    if (message.type === 'presence' && !isText(message.data)) return message;
    if (!isText(message.data)) return reject('data.content: expected a text');
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

process.once('SIGTERM', () => void chat.stop());
