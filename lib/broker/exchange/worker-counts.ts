/** How many members each room has on each worker. The counts of a worker end with the worker. */
import type { Room } from '../../protocol/position.js';

export interface WorkerCounts {
  /** The worker lives. Returns the names of all living workers. */
  readonly joined: (worker: string) => string[];
  readonly left: (worker: string) => void;
  /** Sets a worker's count (0 removes it, undefined leaves it). Returns the sum of the other workers. */
  readonly others: (room: Room, worker: string, own: number | undefined) => number;
}

export const workerCounts = (): WorkerCounts => {
  const living = new Map<string, Map<Room, number>>();

  const countsOf = (worker: string): Map<Room, number> => {
    const counts = living.get(worker) ?? new Map<Room, number>();
    living.set(worker, counts);
    return counts;
  };

  return {
    joined: (worker) => {
      countsOf(worker);
      return [...living.keys()];
    },
    left: (worker) => void living.delete(worker),
    others: (room, worker, own) => {
      const counts = countsOf(worker);
      if (own === 0) counts.delete(room);
      else if (own !== undefined) counts.set(room, own);
      let sum = 0;
      for (const [name, others] of living) if (name !== worker) sum += others.get(room) ?? 0;
      return sum;
    },
  };
};
