/** A log that began anew is told to whoever goes on from a time of before that. */
import t from 'tap';
import { epochs } from '../../../lib/broker/cluster/epochs.js';
import { type Resume, resumeAfter } from '../../../lib/protocol/resume.js';

const AT = 1_700_000_000_000;
const since = (ms: number): Resume => ({ _tag: 'Since', ms });
const place = (tag: number) => ({ tag, offset: 0, ms: AT });

t.test('a time of before the new epoch is told, a later one and an id are not', async (t) => {
  const known = epochs({ now: () => AT });
  known.reached('r', place(1));
  t.equal(known.missed('r', since(AT - 1)), undefined, 'the first one that was seen is no loss');
  known.reached('r', place(2));
  t.match(known.missed('r', since(AT - 1)), { reason: 'log_lost' });
  t.equal(known.missed('r', since(AT + 6_000)), undefined);
  const id = resumeAfter('018bcfe5-6800-7001-8000-000a00000000');
  t.equal(id && known.missed('r', id), undefined, 'of which the log says that');
  t.equal(known.missed('s', since(AT - 1)), undefined);
});

t.test('when more rooms are known than fit, then nothing is known of the first', async (t) => {
  const known = epochs({ now: () => AT });
  for (const tag of [1, 2]) for (let i = 0; i <= 16_384; i++) known.reached(`r${i}`, place(tag));
  t.equal(known.missed('r0', since(AT)), undefined);
});
