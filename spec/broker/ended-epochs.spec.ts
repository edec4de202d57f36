/** A client that resumes by a time knew an epoch that has ended: what it missed. */
import t from 'tap';
import { endedEpochs } from '../../lib/broker/ended-epochs.js';
import { LAG_MS, type Resume, resumeAfter } from '../../lib/protocol/resume.js';
import { topAt } from '../support/channel-world.js';

const START = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const since = (ms: number): Resume => ({ _tag: 'Since', ms });

t.test('when the time is before the process began, then the client gets the gap', async (t) => {
  const ended = endedEpochs(START);
  const missed = ended.missed(START + 5, since(START - 1));
  t.match(missed, { at: START, reason: 'log_lost', isArchived: true });
  t.equal(ended.missed(START + 5, since(START - 2)), missed, 'the same one, so it is sent once');
  t.equal(ended.missed(START + 5, since(START)), undefined);
});

t.test('when the present epoch lived at that time, then nothing is missing', async (t) => {
  const ended = endedEpochs(START);
  ended.add({ ...topAt(1, 3), ms: START + HOUR_MS, id: null });
  t.equal(ended.missed(START + HOUR_MS, since(START + HOUR_MS)), undefined);
  t.equal(ended.missed(undefined, since(START - 1)), undefined, 'the room is not open');
  const id = resumeAfter('018bcfe5-6800-7001-8000-000a00000000');
  t.equal(id && ended.missed(START + HOUR_MS, id), undefined, 'an id has its epoch');
});

t.test('when epochs have ended since, then messages in them decide', async (t) => {
  const ended = endedEpochs(START);
  const begunMs = START + 2 * HOUR_MS;
  const missed = (ms: number) => ended.missed(begunMs, since(ms));
  ended.add({ tag: 1, offset: 0, ms: START + HOUR_MS, id: null });
  t.equal(missed(START), undefined, 'an epoch without a message');
  ended.add({ tag: 2, offset: 1, ms: START + 1_000, id: null });
  ended.add({ tag: 3, offset: 1, ms: START + 500, id: null });
  t.match(missed(START + 999), { at: START + 1_000, reason: 'log_lost' });
  t.match(missed(START + 1_000 + LAG_MS), { at: START + 1_000 }, 'the other log may be behind');
  t.equal(missed(START + 1_001 + LAG_MS), undefined, 'the client has all of them');
});
