import t from 'tap';
import { newRef } from '../../lib/client/ref.js';

t.test(
  'when a message is published, then its id is a UUIDv4, and another one each time',
  async (t) => {
    const refs = Array.from({ length: 1_000 }, () => newRef(Math.random));
    t.ok(
      refs.every((ref) =>
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/.test(ref),
      ),
    );
    t.equal(new Set(refs).size, 1_000);
  },
);
