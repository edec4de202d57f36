/** The server's own messages. */
import t from 'tap';
import { systemFrame, errorFrame, pongFrame } from '../../lib/protocol/payload.js';
import { payloadIn } from '../../lib/protocol/frame.js';
import { MAX_ENCODED_BYTES } from '../../lib/protocol/json.js';
import { formatId } from '../../lib/protocol/position.js';
import { AT, ID, left, right } from '../support/messages.js';

t.test(
  'when a pong has 131,072 bytes with its id, then it passes; one byte more is refused',
  async (t) => {
    const room = MAX_ENCODED_BYTES - payloadIn(right(pongFrame(ID, AT, ''))).length;
    const fits = right(pongFrame(ID, AT, 'x'.repeat(room)));
    t.equal(payloadIn(fits).length, MAX_ENCODED_BYTES);
    t.equal(left(pongFrame(ID, AT, 'x'.repeat(room + 1))).code, 'invalid_message');
  },
);

t.test(
  'when the server sends `system`, `error` or `pong`, then each has its own fields and no others',
  async (t) => {
    const parse = (frame: Buffer): unknown => JSON.parse(payloadIn(frame).toString());
    const id = formatId(ID);
    const timestamp = '2026-01-15T10:30:00.123Z';
    t.strictSame(
      parse(systemFrame(ID, AT, { event: 'left', room: 'r', reason: 'asked', ref: undefined })),
      {
        id,
        type: 'system',
        room: 'r',
        from: 'server',
        data: { event: 'left', room: 'r', reason: 'asked' },
        timestamp,
      },
    );
    t.strictSame(parse(systemFrame(ID, AT, { event: 'draining', reconnect_in_ms: 5 })), {
      id,
      type: 'system',
      from: 'server',
      data: { event: 'draining', reconnect_in_ms: 5 },
      timestamp,
    });
    t.strictSame(
      parse(errorFrame(ID, AT, { code: 'rate_limited', text: 'slower', ref: 'a', retryInMs: 9 })),
      {
        id,
        type: 'error',
        from: 'server',
        data: { code: 'rate_limited', message: 'slower', ref: 'a', retry_in_ms: 9 },
        timestamp,
      },
    );
    t.strictSame(parse(right(pongFrame(ID, AT, [1]))), {
      id,
      type: 'pong',
      from: 'server',
      data: [1],
      timestamp,
    });
    t.strictSame(parse(right(pongFrame(ID, AT, undefined))), {
      id,
      type: 'pong',
      from: 'server',
      timestamp,
    });
  },
);
