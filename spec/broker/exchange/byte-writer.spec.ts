/** What is written is read in the same order, whatever its size. */
import fc from 'fast-check';
import t from 'tap';
import { ByteReader } from '../../../lib/broker/exchange/byte-reader.js';
import { ByteWriter } from '../../../lib/broker/exchange/byte-writer.js';

t.test(
  'when values are written, then the same values are read, also by a used writer',
  async (t) => {
    const writer = new ByteWriter();
    const value = fc.oneof(
      fc.double({ noNaN: true }),
      fc.string({ unit: 'grapheme', maxLength: 30_000 }),
      fc.uint8Array({ maxLength: 100_000 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(value), (values) => {
        for (const one of values)
          if (typeof one === 'number') writer.number(one);
          else if (typeof one === 'string') writer.text(one);
          else writer.blob(one);
        const reader = new ByteReader(writer.take());
        const read = values.map((one) =>
          typeof one === 'number'
            ? reader.number()
            : typeof one === 'string'
              ? reader.text()
              : reader.blob(),
        );
        t.strictSame(read, values);
        t.ok(reader.isAtEnd);
        t.equal(writer.length, 0);
      }),
      { numRuns: 30 },
    );
  },
);

t.test('when small numbers are written, then they take one byte, or four', async (t) => {
  const writer = new ByteWriter();
  writer.byte(255);
  writer.uint(2 ** 32 - 1);
  t.equal(writer.length, 5);
  const reader = new ByteReader(writer.take());
  t.strictSame([reader.byte(), reader.uint()], [255, 2 ** 32 - 1]);
});

t.test('when a frame is taken, then the next frame does not change it', async (t) => {
  const writer = new ByteWriter();
  writer.byte(1);
  const first = writer.take();
  writer.byte(2);
  t.equal(first[0], 1);
});
