/** Fields that no writer of this version makes are not read. */
import t from 'tap';
import { ByteReader } from '../../../lib/broker/exchange/byte-reader.js';
import { readDraft, readOutcome, writeOutcome } from '../../../lib/broker/exchange/frame-fields.js';
import { ByteWriter } from '../../../lib/broker/exchange/byte-writer.js';

t.test('when a draft has a type that is not known, then it is not read', async (t) => {
  t.throws(() => readDraft(new ByteReader(Buffer.from([9, 0])), 'r'), RangeError);
});

t.test('when outcomes are written, then the same outcomes are read', async (t) => {
  const writer = new ByteWriter();
  writeOutcome(writer, { _tag: 'Duplicate', id: 'first' });
  writeOutcome(writer, { _tag: 'KeyReused' });
  const reader = new ByteReader(writer.take());
  t.strictSame(
    [readOutcome(reader), readOutcome(reader)],
    [{ _tag: 'Duplicate', id: 'first' }, { _tag: 'KeyReused' }],
  );
});

t.test('when an outcome has a number that is not known, then it is not read', async (t) => {
  t.throws(() => readOutcome(new ByteReader(Buffer.from([9]))), RangeError);
});
