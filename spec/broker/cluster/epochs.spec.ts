/** A client that resumes from a time before a new epoch gets a gap. */
import t from 'tap';
import { epochs } from '../../../lib/broker/cluster/epochs.js';
import { type Resume, resumeAfter } from '../../../lib/protocol/resume.js';

const DAY_MS = 86_400_000;
const AT = 1_700_000_000_000;
const since = (ms: number): Resume => ({ _tag: 'Since', ms });
const position = (tag: number) => ({ tag, offset: 0, ms: AT });

t.test(
  'when a resume is from a time before the new epoch, then it gets a gap; a later time or an id does not',
  async (t) => {
    const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
    known.reached('r', position(1));
    t.equal(known.missed('r', since(AT - 1)), undefined, 'the first one that was seen is no loss');
    known.reached('r', position(2));
    t.match(known.missed('r', since(AT - 1)), { reason: 'log_lost' });
    t.equal(known.missed('r', since(AT + 6_000)), undefined);
    const id = resumeAfter('018bcfe5-6800-7001-8000-000a00000000');
    t.equal(id && known.missed('r', id), undefined, 'of which the log says that');
    t.equal(known.missed('s', since(AT - 1)), undefined);
  },
);

t.test(
  'when another pod has found the new epoch, then a pod that has just started knows it too',
  async (t) => {
    const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
    known.read('r', { top: { ...position(2), id: null }, renewedMs: AT - 9_000 });
    known.reached('r', position(2));
    t.equal(known.tagOf('r'), 2);
    const missed = known.missed('r', since(AT - 10_000));
    t.match(missed, { reason: 'log_lost' });
    t.equal(known.missed('r', since(AT)), undefined, 'said in the new epoch');
    known.read('r', { top: { ...position(2), id: null }, renewedMs: AT - 9_000 });
    t.equal(known.missed('r', since(AT - 10_000)), missed, 'the same loss is not another one');
    known.read('r', { top: { ...position(2), id: null } });
    t.equal(
      known.missed('r', since(AT - 10_000)),
      missed,
      'a page that lacks it takes nothing back',
    );
  },
);

t.test(
  'when Redis came back empty with its clock an hour behind, then an id of the hour before gets the gap',
  async (t) => {
    const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
    const anHourAhead = since(AT + 3_600_000);
    known.reached('kept', position(1));
    t.equal(known.missed('kept', anHourAhead), undefined, 'a log that was not lost');
    known.read('r', { top: { ...position(2), id: null }, renewedMs: AT - 100_000 });
    t.match(known.missed('r', anHourAhead), { reason: 'log_lost' });
    t.equal(known.missed('r', since(AT + 60_000)), undefined, 'what a clock may be ahead');
  },
);

t.test('when more rooms are known than fit, then the first one is forgotten', async (t) => {
  const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
  for (const tag of [1, 2]) for (let i = 0; i <= 16_384; i++) known.reached(`r${i}`, position(tag));
  t.equal(known.missed('r0', since(AT)), undefined);
});

t.test(
  'when an empty room was closed and has another epoch later, then nothing was lost',
  async (t) => {
    const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
    known.reached('r', position(1));
    known.closed('r', position(1));
    t.equal(known.tagOf('r'), undefined);
    known.reached('r', position(2));
    t.equal(known.missed('r', since(AT - 1)), undefined);
    known.closed('r', { ...position(2), offset: 7 });
    known.reached('r', position(3));
    t.match(known.missed('r', since(AT - 1)), { reason: 'log_lost' }, 'a log with messages');
  },
);

t.test(
  'when a log was lost and its room is closed before the next message, then the loss stays known',
  async (t) => {
    let now = AT;
    const known = epochs({ now: () => now, positionTtlMs: DAY_MS });
    known.reached('r', position(1));
    known.reached('r', position(2));
    known.closed('r', position(2));
    t.match(known.missed('r', since(AT - 1)), { reason: 'log_lost' });
    now = AT + 3_600_000;
    known.reached('r', position(3));
    t.match(known.missed('r', since(AT - 1)), { reason: 'log_lost' });
    t.equal(known.missed('r', since(AT + 6_000)), undefined, 'the empty epoch was no loss');
  },
);

t.test(
  'when a new pod finds the global log without a message, then an id from before that log gets the gap',
  async (t) => {
    const known = epochs({ now: () => AT + 9_000, positionTtlMs: DAY_MS });
    for (const room of ['', 'r']) known.read(room, { top: { ...position(2), id: null } });
    const gap = known.missed('', since(AT - 1));
    t.match(gap, { reason: 'log_lost', at: AT });
    t.equal(known.missed('', since(AT - 2)), gap, 'the same one, so it is sent once');
    t.match(known.missed('', since(AT + 3_600_000)), { reason: 'log_lost' }, 'a clock set back');
    t.equal(known.missed('', since(AT)), undefined, 'the service may have begun with that log');
    t.equal(
      known.missed('r', since(AT - 1)),
      undefined,
      'the position of an empty room may expire',
    );
    known.reached('', position(3));
    t.match(known.missed('', since(AT + 9_000)), { reason: 'log_lost' }, 'a later loss');
    const later = epochs({ now: () => AT, positionTtlMs: DAY_MS });
    later.read('', { top: { ...position(2), offset: 1, id: null } });
    t.equal(later.missed('', since(AT - 1)), undefined, 'its begin is not known');
  },
);

t.test(
  'when it is known when the epochs began, then an earlier time gets the gap if messages may be missing',
  async (t) => {
    const HOUR_MS = 3_600_000;
    for (const [globalMs, beforeMs, isMissed] of [
      [AT - 9 * HOUR_MS, HOUR_MS, false], // the position of a room without a message has expired
      [AT - 9 * DAY_MS, DAY_MS, true], // the room may have had messages
      [AT - 1_000, HOUR_MS, true], // Redis has lost the global log too
    ] as const) {
      const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
      const top = { ...position(2), offset: 3, id: null };
      known.read('', { top, begunMs: globalMs });
      known.read('r', { top, begunMs: AT });
      const missed = known.missed('r', since(AT - beforeMs));
      if (isMissed) t.match(missed, { at: AT, reason: 'log_lost', isArchived: true });
      else t.equal(missed, undefined);
      t.equal(known.missed('r', since(AT)), undefined, 'the epoch lived at that time');
      t.equal(known.missed('', since(globalMs)), undefined);
      t.match(known.missed('', since(globalMs - 1)), { at: globalMs, isArchived: true });
    }
  },
);

t.test(
  'when another pod finds the same loss a little later, then it is no other loss',
  async (t) => {
    const known = epochs({ now: () => AT, positionTtlMs: DAY_MS });
    known.reached('r', position(1));
    known.reached('r', position(2));
    const missed = known.missed('r', since(AT - 1));
    known.read('r', { top: { ...position(2), id: null }, renewedMs: AT + 1_000 });
    t.equal(known.missed('r', since(AT - 1)), missed);
  },
);
