import t from 'tap';
import { chatFrame, frame, has, readFrame } from '../../lib/client/frames.js';

t.test('when a text is no frame, then it is skipped', async (t) => {
  for (const text of ['', 'null', '1', '[]', '{"type":"chat"}', '{', undefined, new ArrayBuffer(3)])
    t.equal(readFrame(text), undefined);
  t.match(readFrame('{"id":"x","type":"later than this client"}'), { id: 'x' });
});

t.test('when a value has the field, then it is taken for the type, whatever it is', async (t) => {
  const hasCode = (value: unknown): boolean => has<{ code: unknown }>(value, 'code');
  t.same([{ code: 'forbidden' }, { code: undefined }, null, undefined, 'code', []].map(hasCode), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

t.test(
  'when JSON cannot represent the data of a message, then it throws; of a frame without data nothing is sent',
  async (t) => {
    t.equal(chatFrame('i', 'r', null), '{"type":"chat","id":"i","room":"r","data":null}');
    for (const data of [undefined, () => 1, Symbol('s'), 1n])
      t.throws(() => chatFrame('i', 'r', data), TypeError);
    t.equal(frame('join', { data: { last_id: undefined } }), '{"type":"join","data":{}}');
  },
);
