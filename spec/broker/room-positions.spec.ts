/** How long the position of a room is kept. */
import t from 'tap';
import { roomPositions } from '../../lib/broker/room-positions.js';
import { virtualClock } from '../support/virtual-clock.js';

const DAY_MS = 86_400_000;

const made = (positionTtlMs = DAY_MS) => {
  const clock = virtualClock();
  const forgotten: string[] = [];
  const positions = roomPositions<string>({
    clock,
    positionTtlMs,
    forgotten: (room) => forgotten.push(room),
  });
  return { clock, forgotten, ...positions };
};

t.test(
  'when a room has a message, then its position is kept for positionTtlMs after it',
  async (t) => {
    const { clock, forgotten, use, find } = made(1_000);
    const position = use('r', 7);
    position.top = { ...position.top, offset: 1, ms: clock.wall() };
    clock.advance(999);
    t.equal(find('r'), position);
    clock.advance(1);
    t.equal(find('r'), undefined);
    t.strictSame(forgotten, ['r']);
  },
);

t.test('when a room is open, then its position is kept', async (t) => {
  const { clock, use, find } = made(1_000);
  const position = use('r');
  position.opener = 'subscriber';
  clock.advance(DAY_MS);
  t.equal(find('r'), position);
});

t.test('when a closed room has no message, then its position is kept for 10 minutes', async (t) => {
  const { clock, use, find, closed } = made();
  const position = use('r');
  closed('r', position);
  clock.advance(599_999);
  t.equal(find('r'), position);
  clock.advance(1);
  t.equal(find('r'), undefined);
});

t.test(
  'when 10,000 closed rooms have no message, then the oldest of them is forgotten',
  async (t) => {
    const { forgotten, use, closed } = made();
    for (let i = 0; i <= 10_000; i += 1) closed(`r${i}`, use(`r${i}`));
    t.strictSame(forgotten, ['r0']);
  },
);

t.test(
  'when there are over 100,000 positions, then the closed room that was not used for longest is forgotten',
  async (t) => {
    const { clock, forgotten, use } = made();
    for (let i = 0; i < 100_000; i += 1) {
      const position = use(`r${i}`);
      position.top = { ...position.top, offset: 1, ms: clock.wall() };
      if (i === 0) position.opener = 'subscriber';
    }
    use('r1');
    use('new');
    t.strictSame(forgotten, ['r2']);
  },
);
