import { left, right } from 'fp-ts/lib/Either.js';
import t from 'tap';
import type { Delivered } from '../../../lib/broker/cluster/channel-events.js';
import { FORGOTTEN } from '../../../lib/broker/cluster/fallback-dedup.js';
import { type OutsideLog, outsideLog } from '../../../lib/broker/cluster/outside-log.js';
import { formatId } from '../../../lib/protocol/position.js';
import { Publication } from '../../../lib/protocol/publication.js';
import { at, topAt } from '../../support/channel-world.js';

interface World {
  readonly outside: OutsideLog;
  readonly delivered: Delivered[];
  readonly dropped: string[];
}

/** The channel of a room, at 1:5. */
const world = ({ isValid = true, as }: { isValid?: boolean; as?: string } = {}): World => {
  const delivered: Delivered[] = [];
  const dropped: string[] = [];
  const outside = outsideLog({
    isGlobal: false,
    position: () => topAt(1, 5),
    echoOf: () => as,
    deliver: (event) => delivered.push(event),
    reissue: ({ type, frame }, id) =>
      isValid
        ? right(new Publication(id, formatId(id), type, frame, undefined))
        : left('not valid'),
    dropped: (detail) => dropped.push(detail),
  });
  return { outside, delivered, dropped };
};

for (const pass of ['passOurs', 'passForeign', 'passLocal'] as const)
  t.test(`when a message comes twice (${pass}), then it is delivered once`, async (t) => {
    const w = world();
    const publication = at(1, 3, { outside: true });
    w.outside[pass](publication);
    w.outside[pass](publication);
    t.match(w.delivered, [{ _tag: 'Published', offset: undefined, top: topAt(1, 5) }]);
    t.equal(w.delivered.length, 1);
  });

for (const pass of ['passOurs', 'passForeign'] as const)
  t.test(
    `when a message claims a position (${pass}), then its id gets the position of the channel`,
    async (t) => {
      const w = world();
      w.outside[pass](at(7, 99, { outside: true }));
      t.match(w.delivered[0]?.publication.id, { tag: 1, offset: 5, ms: 5, outside: true });
    },
  );

t.test('when two foreign messages have the same 20 bits, then their ids differ', async (t) => {
  const w = world();
  w.outside.passForeign(at(7, 98, { nonce: 4 }));
  w.outside.passForeign(at(7, 99, { nonce: 4 }));
  const [one, two] = w.delivered.map(({ publication: { idText } }) => idText);
  t.ok(one !== undefined && two !== undefined && one !== two);
});

t.test('when a message is not valid, then it is dropped, and the reason is reported', async (t) => {
  const w = world({ isValid: false });
  w.outside.passForeign(at(7, 99));
  w.outside.passOurs(at(1, 3, { outside: true }));
  t.same(w.delivered, []);
  t.same(w.dropped, ['not valid', 'not valid']);
});

t.test(
  'when members have the message of a publish that seemed to fail, then it does not come again',
  async (t) => {
    const w = world({ as: 'an id' });
    w.outside.passForeign(at(7, 99));
    t.same(w.delivered, []);
  },
);

t.test(
  'when some members may have a foreign message, then the room gets a gap for it, once',
  async (t) => {
    const w = world({ as: FORGOTTEN });
    w.outside.passForeign(at(7, 99));
    w.outside.passForeign(at(7, 99));
    t.match(w.delivered, [{ _tag: 'Echoed', offset: undefined, top: topAt(1, 5), as: FORGOTTEN }]);
    t.equal(w.delivered.length, 1);
  },
);

t.test('when the log has a foreign message after all, then its id is recalled once', async (t) => {
  const w = world();
  w.outside.passForeign(at(1, 6));
  t.equal(w.outside.recall(at(1, 6)), w.delivered[0]?.publication.idText);
  t.equal(w.outside.recall(at(1, 6)), undefined);
});
