/** The messages of the server as the document has them. */
import { isNone } from 'fp-ts/lib/Option.js';
import t from 'tap';
import { Event } from '../../lib/documents/event-codecs.js';
import { SERVER_FRAMES } from '../../lib/documents/server-frames.js';
import { EXAMPLE_ID, EXAMPLE_TIME } from '../../lib/documents/values.js';
import { payloadIn } from '../../lib/protocol/frame.js';
import { systemFrame } from '../../lib/protocol/payload.js';
import { parseId } from '../../lib/protocol/position.js';
import { SYSTEM_EVENTS } from '../../lib/protocol/system-event.js';
import { judgeOfCodec } from '../support/schemas.js';

t.test('when a message is an example, then its codec and its schema accept it', async (t) => {
  for (const { name, codec, examples } of SERVER_FRAMES) {
    const judge = judgeOfCodec(codec);
    t.ok(examples.length > 0, name);
    for (const { payload } of examples) {
      t.ok(codec.is(payload), name);
      t.ok(judge(payload), name);
      t.notOk(judge({ ...(payload as object), id: 'x' }), `${name}: the id is looked at`);
    }
  }
});

t.test('when the server has an event, then the document lists it', async (t) => {
  const names = SERVER_FRAMES.map(({ name }) => name);
  for (const event of SYSTEM_EVENTS) t.ok(names.includes(event), event);
  t.equal(new Set(names).size, names.length);
});

t.test('when an event lacks a field, then it is none of the server', async (t) => {
  t.ok(Event.is({ event: 'draining', reconnect_in_ms: 1 }));
  t.notOk(Event.is({ event: 'draining' }));
  t.notOk(Event.is({ event: 'left', room: 'a', reason: 'tired' }));
});

t.test(
  'when the server encodes an event, then the message is the one of the document',
  async (t) => {
    const id = parseId(EXAMPLE_ID);
    if (isNone(id)) throw new Error('the example is an id');
    const encoded = SERVER_FRAMES.flatMap(({ name, examples }) =>
      examples.flatMap(({ payload }) => {
        const { data } = payload as { readonly data: unknown };
        return Event.is(data) ? [{ name, payload, data }] : [];
      }),
    );
    t.same(
      encoded.map(({ name }) => name),
      SYSTEM_EVENTS,
    );
    for (const { payload, data } of encoded) {
      const frame = systemFrame(id.value, Date.parse(EXAMPLE_TIME), data);
      t.same(JSON.parse(payloadIn(frame).toString()), payload);
    }
  },
);
