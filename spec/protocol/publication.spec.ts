/** Drafts: a message without its id, its bounds and its key. */
import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { payloadOf, presenceData, SERVER } from '../../lib/protocol/payload.js';
import { decodePublication } from '../../lib/protocol/channel-payload.js';
import { type DraftFields, publicationOf, bodyOf } from '../../lib/protocol/publication.js';
import { MAX_ENCODED_BYTES } from '../../lib/protocol/json.js';
import { formatId, GLOBAL } from '../../lib/protocol/position.js';
import { keyIn } from '../support/keys.js';
import { AT, draft, ID, left, right } from '../support/messages.js';

t.test('when a draft gets an id, then it is a whole message', async (t) => {
  const made = right(draft({ data: { content: 'hé' }, key: keyIn('k') }));
  t.equal(made.logged, true);
  t.equal(made.except, undefined);
  const payload = payloadOf(formatId(ID), made.rest);
  t.strictSame(JSON.parse(payload), {
    id: formatId(ID),
    type: 'chat',
    room: 'r',
    from: 'alice',
    data: { content: 'hé' },
    timestamp: '2026-01-15T10:30:00.123Z',
  });
  t.same(Object.keys(JSON.parse(payload) as object)[0], 'id');
  t.equal(bodyOf(Buffer.from(payload)), made.rest);
  t.notOk(
    'room' in (JSON.parse(payloadOf(formatId(ID), right(draft({ room: GLOBAL })).rest)) as object),
  );
});

t.test('when two drafts have one key, then only their type and data are compared', async (t) => {
  const digest = (fields: Partial<DraftFields>): string =>
    right(draft({ key: keyIn('k'), ...fields })).digest;
  t.equal(digest({ at: AT + 5 }), digest({}));
  t.not(digest({ data: 'ho' }), digest({}));
  t.not(digest({ type: 'presence' }), digest({}), 'a status does not stand for a chat');
  t.equal(right(draft()).digest, '', 'and costs nothing without one');
});

t.test(
  'when a draft has 131,072 bytes with its id, then it passes; one byte more is refused',
  async (t) => {
    const around = Buffer.byteLength(payloadOf(formatId(ID), right(draft({ data: '' })).rest));
    const room = MAX_ENCODED_BYTES - around;
    const fits = right(draft({ data: 'x'.repeat(room) }));
    t.equal(Buffer.byteLength(payloadOf(formatId(ID), fits.rest)), MAX_ENCODED_BYTES);
    t.equal(left(draft({ data: 'x'.repeat(room + 1) })).code, 'invalid_message');
    const wide = '€'.repeat(Math.floor(room / 3));
    t.ok(isRight(draft({ data: wide })), 'three bytes each');
    t.ok(isLeft(draft({ data: `${wide}€` })));
    t.ok(isRight(decodePublication(Buffer.from(payloadOf(formatId(ID), fits.rest)), 'r')));
  },
);

t.test(
  'when a draft is `presence`, then it takes no offset, and its own connection does not get it',
  async (t) => {
    const own = presenceData('alice', 'c1', 'online');
    const made = right(draft({ type: 'presence', from: SERVER, data: own }));
    t.same([made.logged, made.except], [false, 'c1']);
    const theirs = right(
      draft({ type: 'presence', data: { status: 'away', connection_id: 'c1' } }),
    );
    t.same(
      [theirs.logged, theirs.except],
      [false, undefined],
      'a client cannot keep it from others',
    );
    const { payload } = publicationOf(made, ID);
    t.equal(right(decodePublication(payload, 'r')).except, 'c1', 'nor from another pod');
  },
);
