/** Bodies of programs over HTTP: one message or a list, and what is wrong with one of them. */
import t from 'tap';
import {
  decodePublishRequests,
  MAX_PUBLISH_REQUESTS,
  type PublishRequestFault,
  type PublishRequests,
} from '../../lib/protocol/publish-request.js';
import { left, right } from '../support/messages.js';

const MAX_BYTES = 100;

const bodyOf = (body: unknown): Buffer =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
const read = (body: unknown): PublishRequests =>
  right(decodePublishRequests(bodyOf(body), MAX_BYTES));
const fault = (body: unknown): PublishRequestFault =>
  left(decodePublishRequests(bodyOf(body), MAX_BYTES));

const CHAT = { room: 'r', data: 'hi' };
const EVENT = { event: 'deploy' };

t.test('when a body is one message, then the answer is one too', async (t) => {
  const post = { room: 'r', type: 'chat', data: 'hi', ref: undefined };
  t.strictSame(read(CHAT), { posts: [post], isList: false });
  t.strictSame(read([CHAT]), { posts: [post], isList: true });
  t.strictSame(read([]), { posts: [], isList: true });
});

t.test('when a message has all fields, then each is read', async (t) => {
  const { posts } = read({ room: null, type: 'notification', data: null, id: 'key' });
  t.strictSame(posts, [{ room: '', type: 'notification', data: null, ref: 'key' }]);
  t.equal(read({ ...CHAT, type: 'system', data: EVENT }).posts[0]?.type, 'system');
});

t.test('when a body is no message and no list, then the error text names its kind', async (t) => {
  for (const [body, text] of [
    [Buffer.from([0x22, 0xff, 0x22]), /^body: expected UTF-8/],
    ['{"room":', /^body: expected one JSON object or an array of them, got text that is not JSON/],
    ['7', /^body: expected an object or an array, got a number$/],
    [[CHAT, []], /^\[1\]: expected an object, got an array$/],
    [[null], /^\[0\]: expected an object, got null$/],
  ] as const) {
    const wrong = decodePublishRequests(Buffer.isBuffer(body) ? body : bodyOf(body), MAX_BYTES);
    t.match(left(wrong), { _tag: 'Malformed', text });
  }
});

t.test('when a field is wrong, then the error text names the message and the field', async (t) => {
  for (const [fields, text] of [
    [{ romm: 'r' }, /romm: no field of a message; a message has room, type, data and id$/],
    [{ type: 5 }, /type: expected a string, got a number$/],
    [{ type: 'presence' }, /type: send chat, notification or system$/],
    [{ room: undefined }, /room: name the room, or null for everybody$/],
    [{ room: 'a b' }, /room: /],
    [{ data: undefined }, /data: expected any JSON value, got nothing$/],
    [{ id: 5 }, /id: /],
    [{ type: 'system', data: { event: 'ack' } }, /data\.event: /],
  ] as const) {
    const message = { ...CHAT, ...fields };
    t.match(fault(message).text, new RegExp(`^${text.source}`));
    t.match(fault([CHAT, message]).text, new RegExp(`^\\[1\\]\\.${text.source}`));
  }
});

t.test('when a list has more than 100 messages, then none is sent', async (t) => {
  const some = (count: number): readonly unknown[] => Array.from({ length: count }, () => CHAT);
  t.equal(MAX_PUBLISH_REQUESTS, 100);
  t.equal(read(some(100)).posts.length, 100);
  t.match(fault(some(101)), { _tag: 'Malformed', text: /at most 100 messages, got 101$/ });
});

t.test('when one message has too many bytes, then the error text names its index', async (t) => {
  const sized = (bytes: number): string => `{"room":"r","data":"${'x'.repeat(bytes - 22)}"}`;
  t.equal(read(sized(100)).posts.length, 1);
  t.match(fault(sized(101)), { _tag: 'TooLarge', text: /^body: .* at most 100 bytes/ });
  t.equal(read(`[ ${sized(100)} ,\n${sized(100)}]`).posts.length, 2, 'blanks do not count');
  t.match(fault(`[${sized(100)}, ${sized(101)}]`), { _tag: 'TooLarge', text: /^\[1\]: / });
});

t.test('when a text has brackets or commas, then it does not end a message', async (t) => {
  const tricky = { room: 'r', data: '],[{"\\' };
  const large = { room: 'r', data: 'x'.repeat(100) };
  t.match(fault([tricky, CHAT, large]).text, /^\[2\]: a message may have at most 100 bytes/);
});
