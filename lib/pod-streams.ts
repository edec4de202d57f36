/**
 * The streams of a running pod. All of them run as long as the pod:
 *
 *   the broker's status ─▶ the event `StatusChanged`, and the status that rooms read
 *   the archive's events ─▶ events of the hub
 *   control commands of all pods ─▶ connections that must end, and the memory of catch-ups
 *   this pod's control commands ─▶ the broker
 *   heartbeat ─▶ connections that are silent, or stop within a message, are ended
 *   connection$ ─▶ hub
 */
import { EMPTY, ignoreElements, map, mergeMap, type Observable, Subject, tap } from 'rxjs';
import type { ControlCommand } from './broker/control-command.js';
import type { BrokerStatus } from './broker/index.js';
import { type CatchUps, catchUps } from './connection/catch-ups.js';
import type { Connection } from './connection/connection.js';
import { disconnect } from './connection/disconnect.js';
import { heartbeat } from './connection/heartbeat.js';
import type { ArchiveEvent } from './history/archive/port.js';
import type { ArchiveHubEvent, HubEvent } from './hub-event.js';
import { hub, type HubDeps } from './hub.js';
import { CLOSE } from './protocol/close-codes.js';

export interface PodStreamsDeps extends Omit<HubDeps, 'status'> {
  readonly connections: ReadonlySet<Connection>;
}

export interface PodStreams {
  /** The catch-ups: connections read them when a client resumes. */
  readonly catchUps: CatchUps;
  /** The broker's last status. */
  readonly status: () => BrokerStatus;
  /** To be subscribed in this order, as rooms read the status. */
  readonly streams: (connection$: Observable<Connection>) => readonly Observable<HubEvent>[];
}

export const podStreams = (deps: PodStreamsDeps): PodStreams => {
  const { broker, clock, config, connections } = deps;
  const { limits, log } = config;
  const ownCommand$ = new Subject<ControlCommand>();
  let status: BrokerStatus = { _tag: 'Starting' };
  const behind = catchUps({
    clock,
    brokerMs: broker.clockMs,
    logTtlMs: log.logTtlMs,
    keepMs: log.logPositionTtlMs,
    send: (command) => ownCommand$.next(command),
  });

  const statusChange$ = broker.status$.pipe(
    map((next): HubEvent => {
      status = next;
      return { _tag: 'StatusChanged', status };
    }),
  );

  const command$ = broker.control$.pipe(
    tap((command) => {
      if (command._tag === 'Disconnect') disconnect(command, connections);
      // spans are made from the events of the broker (docs/tracing.md)
      else if (command._tag !== 'Trace') behind.apply(command);
    }),
    ignoreElements(),
  );

  const sent$ = ownCommand$.pipe(
    mergeMap((command) => broker.sendControl(command)),
    ignoreElements(),
  );

  const overdue$ = heartbeat({
    clock,
    pingIntervalMs: limits.pingIntervalMs,
    pongTimeoutMs: limits.pongTimeoutMs,
  })(connections).pipe(
    tap(({ connection, why }) =>
      why === 'silent' ? connection.terminate() : connection.close(CLOSE.halfMessage),
    ),
    ignoreElements(),
  );

  return {
    catchUps: behind,
    status: () => status,
    streams: (connection$) => [
      statusChange$,
      broker.archive?.event$.pipe(map(ofArchive)) ?? EMPTY,
      command$,
      sent$,
      overdue$,
      connection$.pipe(hub({ ...deps, status: () => status })),
    ],
  };
};

/** An event of the archive as one of the hub. */
const ofArchive = (event: ArchiveEvent): ArchiveHubEvent => {
  switch (event._tag) {
    case 'Interrupted':
      return {
        _tag: 'ArchiveInterrupted',
        reason: event.error._tag,
        detail: event.error.detail,
      };
    case 'Restored':
      return { _tag: 'ArchiveRestored' };
    case 'BatchStored':
      return { ...event, _tag: 'ArchiveStored' };
    case 'PoisonFound':
      return { ...event, _tag: 'ArchivePoison' };
    case 'Pruned':
      return { ...event, _tag: 'ArchivePruned' };
    case 'UpkeepFailed':
      return { ...event, _tag: 'ArchiveUpkeepFailed' };
  }
};
