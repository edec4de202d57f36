/** WebSocket frames of text. */
import t from 'tap';
import { frameAround, frameOf, framesOf, payloadIn } from '../../lib/protocol/frame.js';

t.test(
  'when a frame is built, then its length has 7, 16 or 64 bits, and several frames follow each other',
  async (t) => {
    const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 131_072];
    const payloads = lengths.map((length, i) => Buffer.alloc(length, 97 + i));
    const frames = framesOf(payloads.map(frameAround));
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      t.equal(frames[at], 0x81, 'one final text frame');
      const short = frames[at + 1];
      t.equal(short, length < 126 ? length : length < 65_536 ? 126 : 127, `${length}: not masked`);
      at += 2;
      if (short === 126) {
        t.equal(frames.readUInt16BE(at), length);
        at += 2;
      } else if (short === 127) {
        t.equal(frames.readBigUInt64BE(at), BigInt(length));
        at += 8;
      }
      t.ok(frames.subarray(at, at + length).equals(payloads[i] ?? Buffer.alloc(0)));
      at += length;
    }
    t.equal(at, frames.length, 'and nothing more');
    for (const text of ['', 'hi', 'é', '💥'.repeat(40), 'ü'.repeat(70_000), 'x'.repeat(65_536)]) {
      t.ok(frameOf(text).equals(frameAround(Buffer.from(text))), 'the same from text');
      t.equal(payloadIn(frameOf(text)).toString(), text, 'and back');
    }
    t.equal(framesOf([]).length, 0);
  },
);
