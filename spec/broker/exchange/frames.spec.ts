/** Frames between a worker and the exchange survive the encoding of Node's channel between processes. */
import { deserialize, serialize } from 'node:v8';
import t from 'tap';
import { Asked, Answered } from '../../../lib/broker/exchange/frames.js';

const copy = (frame: unknown): unknown => deserialize(serialize(frame));

t.test('when a frame is encoded and decoded, then it has the same values', async (t) => {
  const asked: Asked = {
    _tag: 'Asked',
    requests: [
      { call: 1, request: { _tag: 'Page', room: 'r', from: 1, most: 2, tag: 3, known: undefined } },
      {
        call: 2,
        request: {
          _tag: 'Publish',
          room: 'r',
          drafts: [
            {
              room: 'r',
              type: 'chat',
              rest: '"x":1}',
              logged: true,
              key: { owner: { _tag: 'User', userId: 'u' }, ref: 'k' },
              digest: 'D',
              except: undefined,
            },
          ],
          nonces: [1],
          tag: 3,
          deadline: 4,
        },
      },
    ],
  };
  const answered: Answered = {
    _tag: 'Answered',
    events: [{ _tag: 'Message', channel: 'c', payload: Buffer.from('é') }],
  };
  t.ok(Asked.is(copy(asked)));
  t.strictSame(copy(asked), asked);
  t.ok(Answered.is(copy(answered)));
  t.strictSame(copy(answered), answered);
});

t.test('when a field is missing or of another type, then it is no frame', async (t) => {
  t.notOk(Asked.is({ _tag: 'Asked', requests: [{ call: 1, request: { _tag: 'Peek', room: 1 } }] }));
  t.notOk(
    Answered.is({ _tag: 'Answered', events: [{ _tag: 'Message', channel: 'c', payload: 'text' }] }),
  );
  t.notOk(Answered.is({ _tag: 'Asked', requests: [] }));
});
