/** A reader never reads beyond the end of its bytes. */
import t from 'tap';
import { ByteReader } from '../../../lib/broker/exchange/byte-reader.js';

t.test('when the bytes end in the middle of a field, then the read throws', async (t) => {
  const long = Buffer.from([5, 0, 0, 0, 1]);
  t.throws(() => new ByteReader(long).text(), RangeError);
  t.throws(() => new ByteReader(long).blob(), RangeError);
  for (const read of ['byte', 'uint', 'number', 'text', 'blob'] as const)
    t.throws(() => new ByteReader(Buffer.alloc(0))[read](), RangeError, read);
});
