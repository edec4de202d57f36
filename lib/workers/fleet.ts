/**
 * Runs the workers (`WORKERS`): starts them, replaces those that end, reloads them one by one, and ends when
 * all have ended. `fleet-state.ts` decides. Without Redis, the exchange (`broker/exchange/`) runs here:
 * the workers use it in the place of Redis.
 *
 * Source: it subscribes to the workers' processes; all subscriptions end with the fleet.
 */
import { delay, mergeMap, type Observable, Subject, Subscription, timer } from 'rxjs';
import { exchangeOf } from '../broker/from-config.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config/index.js';
import { backoffMs } from '../rx/backoff.js';
import { fleetMetrics } from '../telemetry/fleet-metrics.js';
import { freePort } from './free-port.js';
import type { Fork } from './forking.js';
import {
  type FleetEffect,
  type FleetInput,
  type FleetReport,
  newFleet,
  step,
} from './fleet-state.js';
import { forkedWorker, type ForkedWorker } from './forked-worker.js';
import { reports } from './reports.js';

export interface FleetOptions {
  readonly config: Config;
  readonly count: number;
  readonly clock: Clock;
  readonly fork: Fork;
  /** Replace all workers, one after the other. */
  readonly reload$: Observable<unknown>;
  /** End. */
  readonly stop$: Observable<unknown>;
  readonly onEvent: (event: FleetEvent) => void;
}

/** What happens to workers, for the log. */
export type FleetEvent =
  | FleetReport
  | { readonly _tag: 'Listening'; readonly worker: number; readonly port: number }
  /** A worker did not read what it was sent, and was killed. */
  | { readonly _tag: 'Stalled'; readonly worker: number; readonly bytes: number };

/** After the drain, a worker has this long to end. */
const ENDING_MS = 5_000;

/** Runs the workers. Resolves with the exit code when all have ended. */
export const fleet = async ({
  config,
  count,
  clock,
  fork,
  reload$,
  stop$,
  onEvent,
}: FleetOptions): Promise<number> => {
  const { scheduler } = clock;
  const { server } = config;
  const port = server.port === 0 ? await freePort(server.host) : server.port;
  const workers = new Map<number, ForkedWorker>();
  const input$ = new Subject<FleetInput>();
  const life = new Subscription();
  const shared = exchangeOf(config, clock);
  const asked = reports(clock);
  const metrics = fleetMetrics({
    workers: () => workers.size,
    unsentBytes: () =>
      [...workers.values()].reduce((sum, { unsentBytes }) => sum + unsentBytes(), 0),
    logBytes: shared?.logBytes,
  });

  const start = (worker: number): void => {
    const forked = forkedWorker({
      name: `${server.serverId}-${worker}`,
      forked: fork(worker, { SERVER_ID: server.serverId, PORT: String(port) }),
      exchange: shared,
      clock,
      listening: (port) => {
        onEvent({ _tag: 'Listening', worker, port });
        input$.next({ _tag: 'Listening', worker, now: scheduler.now() });
      },
      ended: (code) => {
        workers.delete(worker);
        metrics.ended();
        input$.next({ _tag: 'Ended', worker, code, now: scheduler.now() });
      },
      stalled: (bytes) => onEvent({ _tag: 'Stalled', worker, bytes }),
      wholeAsked: (about) =>
        asked
          .ask(about, [...workers.values()])
          .pipe(
            mergeMap(async (parts) => [
              ...parts,
              ...(about._tag === 'Metrics' ? [await metrics.json()] : []),
            ]),
          ),
      answered: asked.answered,
    });
    workers.set(worker, forked);
  };

  return new Promise((resolve) => {
    const perform = (effect: FleetEffect): void => {
      switch (effect._tag) {
        case 'Fork':
          return start(effect.worker);
        case 'Drain':
          return workers.get(effect.worker)?.drain();
        case 'Kill':
          return workers.get(effect.worker)?.kill();
        case 'Wait': {
          const { slot, failures } = effect;
          const due$ = timer(backoffMs(failures - 1, clock.random), scheduler);
          life.add(due$.subscribe(() => input$.next({ _tag: 'Due', slot })));
          return;
        }
        case 'Replaced':
        case 'Reloaded':
        case 'ReloadStopped':
          return onEvent(effect);
        case 'Finish':
          life.unsubscribe();
          return resolve(effect.code);
      }
    };
    let [state, effects] = newFleet(count);
    const take = (input: FleetInput): void => {
      [state, effects] = step(state, input);
      effects.forEach(perform);
    };
    life.add(input$.subscribe(take));
    life.add(reload$.subscribe(() => input$.next({ _tag: 'Reload' })));
    const deadline$ = stop$.pipe(delay(server.drainMs + ENDING_MS, scheduler));
    life.add(stop$.subscribe(() => input$.next({ _tag: 'Stop' })));
    life.add(deadline$.subscribe(() => input$.next({ _tag: 'Deadline' })));
    effects.forEach(perform);
  });
};
