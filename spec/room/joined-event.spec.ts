/** `joined`, as its receivers get it. */
import t from 'tap';
import { GLOBAL } from '../../lib/protocol/position.js';
import { joinedEvent } from '../../lib/room/joined-event.js';

const deps = {
  room: 'r',
  fanOut: { size: () => 2 },
  presence: { others: () => 3, isOn: () => true },
};
const sent = (event: object): unknown => JSON.parse(JSON.stringify(event));

t.test(
  'when members get `joined`, then it counts those of all pods and answers nobody',
  async (t) => {
    t.strictSame(sent(joinedEvent(deps, null, 'pod')), {
      event: 'joined',
      room: 'r',
      position: null,
      members: 5,
      presence: true,
      scope: 'pod',
    });
  },
);

t.test(
  'when it answers a join, then it has the `ref` and how many messages were replayed',
  async (t) => {
    const answer = joinedEvent(deps, 'id', undefined, { recovered: 0, ref: 'mine' });
    t.match(sent(answer), { position: 'id', recovered: 0, ref: 'mine' });
    t.notHas(sent(joinedEvent(deps, 'id', undefined, { recovered: undefined, ref: undefined })), {
      recovered: 0,
    });
  },
);

t.test('when it is of the global log, then it names no room', async (t) => {
  t.notOk('room' in (sent(joinedEvent({ ...deps, room: GLOBAL }, null, undefined)) as object));
});
