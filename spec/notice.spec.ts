/**
 * A message that a program publishes, and the draft that it becomes. The results of `publish` are in
 * `app.spec.ts`.
 */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { type Notice, noticeDraft } from '../lib/notice.js';
import { GLOBAL } from '../lib/protocol/position.js';

const fieldsOf = (notice: Notice): unknown => {
  const made = noticeDraft(notice, 7);
  return isRight(made) ? made.right.fields : made.left;
};

t.test(
  'when a notice names no type and no sender, then it is a notification of the server',
  async (t) => {
    t.match(fieldsOf({ room: 'r', data: 'hi' }), {
      room: 'r',
      type: 'notification',
      from: 'server',
      data: 'hi',
      at: 7,
    });
    t.match(fieldsOf({ room: 'r', type: 'chat', from: 'alice', data: 1 }), {
      type: 'chat',
      from: 'alice',
    });
  },
);

t.test('when the room is null or the empty name, then the notice is for everybody', async (t) => {
  t.match(fieldsOf({ room: null, data: 1 }), { room: GLOBAL });
  t.match(fieldsOf({ room: '', data: 1 }), { room: GLOBAL });
});

t.test('when a key is given, then its owner is the program', async (t) => {
  t.match(fieldsOf({ room: 'r', data: 1, key: 'k' }), { key: { ref: 'k' } });
});

t.test('when a notice is not valid, then the text says what is wrong', async (t) => {
  const rows: readonly (readonly [unknown, RegExp])[] = [
    [null, /^expected a message, such as .*, got null$/],
    [[], /got an array$/],
    [{ data: 1 }, /^room: name the room, or null for everybody$/],
    [{ room: 'r', data: 1, rom: 'x' }, /^rom: no field of a message; there are room, type/],
    [{ room: 'r', type: 'presence', data: 1 }, /^type: /],
    [{ room: 'r', data: () => 1 }, /^data/],
  ];
  for (const [notice, text] of rows) {
    const made = noticeDraft(notice as Notice, 7);
    t.match(isLeft(made) && made.left, text);
  }
});
