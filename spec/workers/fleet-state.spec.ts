/** The workers (`WORKERS`) as data: starts, ends, reloads, and the exit code. */
import fc from 'fast-check';
import t from 'tap';
import {
  type FleetEffect,
  type FleetInput,
  type FleetState,
  livingOf,
  newFleet,
  step,
} from '../../lib/workers/fleet-state.js';

/** Plays inputs one after the other. Returns the last state and the effects of the last input. */
const played = (count: number, inputs: readonly FleetInput[]) =>
  inputs.reduce<readonly [FleetState, readonly FleetEffect[]]>(
    ([state], input) => step(state, input),
    newFleet(count),
  );

const listening = (worker: number, now = 0): FleetInput => ({ _tag: 'Listening', worker, now });
const ended = (worker: number, code = 1, now = 10_000): FleetInput => ({
  _tag: 'Ended',
  worker,
  code,
  now,
});
const TWO = [listening(1), listening(2)];

t.test('when the fleet starts, then it starts each worker once', async (t) => {
  t.strictSame(newFleet(3)[1], [
    { _tag: 'Fork', worker: 1 },
    { _tag: 'Fork', worker: 2 },
    { _tag: 'Fork', worker: 3 },
  ]);
});

t.test('when a worker that ran for long ends, then another one starts at once', async (t) => {
  t.strictSame(played(2, [...TWO, ended(1)])[1], [
    { _tag: 'Replaced', worker: 1, code: 1 },
    { _tag: 'Fork', worker: 3 },
  ]);
});

t.test(
  'when workers end soon after their start, then the wait before the next start grows',
  async (t) => {
    const failing = [ended(1, 1, 500), { _tag: 'Due', slot: 0 } as const, ended(3, 1, 600)];
    t.strictSame(played(2, [...TWO, ...failing])[1], [
      { _tag: 'Replaced', worker: 3, code: 1 },
      { _tag: 'Wait', slot: 0, failures: 2 },
    ]);
  },
);

t.test(
  'when a worker ends before any has listened, then the fleet ends with its exit code',
  async (t) => {
    const [state, effects] = played(2, [ended(1, 78)]);
    t.strictSame(effects, [{ _tag: 'Drain', worker: 2 }]);
    t.strictSame(step(state, ended(2, 0))[1], [{ _tag: 'Finish', code: 78 }]);
  },
);

t.test(
  'when the fleet stops, then all workers drain, and it ends with 0 when all have',
  async (t) => {
    const [state, effects] = played(2, [...TWO, { _tag: 'Stop' }]);
    t.strictSame(effects, [
      { _tag: 'Drain', worker: 1 },
      { _tag: 'Drain', worker: 2 },
    ]);
    const [rest, none] = step(state, ended(2, 0));
    t.strictSame(none, []);
    t.strictSame(step(rest, { _tag: 'Deadline' })[1], [{ _tag: 'Kill', worker: 1 }]);
    t.strictSame(step(rest, ended(1, 0))[1], [{ _tag: 'Finish', code: 0 }]);
    t.strictSame(
      step(rest, ended(1, 1))[1],
      [{ _tag: 'Finish', code: 1 }],
      'one did not end in order',
    );
  },
);

t.test(
  'when the fleet reloads, then one worker after the other is replaced: start, listen, drain',
  async (t) => {
    let state = played(2, TWO)[0];
    const effectsOf = (input: FleetInput): readonly FleetEffect[] => {
      const [next, effects] = step(state, input);
      state = next;
      return effects;
    };
    t.strictSame(effectsOf({ _tag: 'Reload' }), [{ _tag: 'Fork', worker: 3 }]);
    t.strictSame(effectsOf({ _tag: 'Reload' }), [], 'one reload at a time');
    t.strictSame(effectsOf(listening(3)), [{ _tag: 'Drain', worker: 1 }]);
    t.strictSame(effectsOf(ended(1, 0)), [{ _tag: 'Fork', worker: 4 }]);
    t.strictSame(effectsOf(listening(4)), [{ _tag: 'Drain', worker: 2 }]);
    t.strictSame(effectsOf(ended(2, 0)), [{ _tag: 'Reloaded', worker: 4 }]);
  },
);

t.test(
  'when a new worker of a reload ends before it listens, then the reload stops and the old ones go on',
  async (t) => {
    const [state, effects] = played(2, [...TWO, { _tag: 'Reload' }, ended(3, 78)]);
    t.strictSame(effects, [{ _tag: 'ReloadStopped', worker: 3 }]);
    t.strictSame(livingOf(state), [1, 2]);
  },
);

t.test(
  'when the old worker ends before the new one of a reload listens, then the new one takes its slot',
  async (t) => {
    const [state, effects] = played(2, [...TWO, { _tag: 'Reload' }, ended(1)]);
    t.strictSame(effects, []);
    t.strictSame(step(state, listening(3))[1], [{ _tag: 'Fork', worker: 4 }], 'the next slot');
  },
);

t.test(
  'when anything happens to workers in any order, then the fleet keeps its number and ends once',
  async () => {
    const chance = fc.array(fc.record({ kind: fc.nat(9), pick: fc.nat(), code: fc.nat(2) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), chance, (count, moves) => {
        let [state, effects] = newFleet(count);
        const living = new Set<number>();
        let finished = 0;
        let now = 0;
        const perform = (): void => {
          for (const effect of effects) {
            if (effect._tag === 'Fork') {
              if (living.has(effect.worker)) throw new Error('a worker started twice');
              living.add(effect.worker);
            } else if (effect._tag === 'Finish') finished++;
            else if (
              (effect._tag === 'Drain' || effect._tag === 'Kill') &&
              !living.has(effect.worker)
            )
              throw new Error(`${effect._tag} of a worker that does not live`);
          }
          const known = [...livingOf(state)].sort((a, b) => a - b);
          if (known.join() !== [...living].sort((a, b) => a - b).join())
            throw new Error(`known ${known.join()}, living ${[...living].join()}`);
          // each slot has at most one worker, one more starts, and one more drains
          if (living.size > count + 2) throw new Error(`${living.size} workers`);
        };
        const take = (input: FleetInput): void => {
          [state, effects] = step(state, input);
          perform();
        };
        perform();
        for (const { kind, pick, code } of moves) {
          if (finished > 0) break;
          now += 400;
          const worker = [...living][pick % Math.max(1, living.size)] ?? 0;
          if (kind < 4) take({ _tag: 'Listening', worker, now });
          else if (kind < 7) {
            living.delete(worker);
            take({ _tag: 'Ended', worker, code, now });
          } else if (kind === 7) take({ _tag: 'Due', slot: pick % count });
          else if (kind === 8) take({ _tag: 'Reload' });
          else if (pick % 4 === 0) take({ _tag: 'Stop' });
        }
        if (finished === 0) take({ _tag: 'Stop' });
        for (const worker of [...living]) {
          if (finished > 0) return false;
          living.delete(worker);
          take({ _tag: 'Ended', worker, code: 0, now });
        }
        return finished === 1;
      }),
      { numRuns: 2_000 },
    );
  },
);
