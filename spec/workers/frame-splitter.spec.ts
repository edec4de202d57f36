/** Frames come out whole and in order, however the pipe cuts the bytes. */
import fc from 'fast-check';
import t from 'tap';
import { NO_BYTES, prefixed, step } from '../../lib/workers/frame-splitter.js';

t.test('when the bytes are cut anywhere, then the same frames come out', async (t) => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  fc.assert(
    fc.property(frames, fc.array(fc.nat({ max: 200 })), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map((frame) => prefixed(Buffer.from(frame))));
      let state = NO_BYTES;
      const received: Buffer[] = [];
      let at = 0;
      for (const size of [...cuts, bytes.length]) {
        const [next, out] = step(state, bytes.subarray(at, at + size));
        at = Math.min(bytes.length, at + size);
        state = next;
        received.push(...out);
      }
      t.strictSame(
        received.map((frame) => [...frame]),
        sent.map((frame) => [...frame]),
      );
      t.equal(state.length, 0);
    }),
  );
});
