/** Codes with which the server closes, and those that a program may choose. */
import fc from 'fast-check';
import t from 'tap';
import { CLOSE, ownClose } from '../../lib/protocol/close-codes.js';

t.test(
  'when the service closes, then its code and reason fit into a close frame, and codes keep their ranges',
  async (t) => {
    for (const { code, reason, comeBack } of Object.values(CLOSE)) {
      t.ok(Buffer.byteLength(reason) <= 123, reason);
      if (code >= 4_000) t.equal(comeBack, code < 4_500, `${code}`);
    }
  },
);

t.test(
  'when a program closes, then its code must be 1000 or from 3000 to 4999, and its reason short',
  async (t) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6_000 }),
        fc.string({ maxLength: 200 }),
        (code, reason) => {
          const isCode = code === 1_000 || (code >= 3_000 && code <= 4_999);
          const isReason = Buffer.byteLength(reason) <= 123;
          try {
            const close = ownClose(code, reason);
            return isCode && isReason && close.code === code && close.reason === reason;
          } catch (error) {
            return error instanceof RangeError && !(isCode && isReason);
          }
        },
      ),
      {
        examples: [
          [1_000, ''],
          [3_000, ''],
          [4_999, 'x'.repeat(123)],
          [4_999, 'x'.repeat(124)],
        ],
      },
    );
    t.throws(() => ownClose(3_000.5, ''), RangeError);
    t.throws(() => ownClose(1_006, ''), RangeError);
  },
);
