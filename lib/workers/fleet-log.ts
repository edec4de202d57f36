/** What happens to workers, as log lines. */
import type { Logger } from 'pino';
import type { FleetEvent } from './fleet.js';

export const fleetLog =
  (logger: Logger) =>
  (event: FleetEvent): void => {
    const { worker } = event;
    switch (event._tag) {
      case 'Listening':
        return logger.info({ worker, port: event.port }, 'worker listening');
      case 'Replaced':
        return logger.warn({ worker, code: event.code }, 'worker ended; another one starts');
      case 'Reloaded':
        return logger.info('reloaded: all workers are new');
      case 'ReloadStopped':
        return logger.error(
          { worker },
          'reload stopped: a new worker ended before it listened; the old workers go on. Read the lines of that worker, and send SIGHUP again',
        );
      case 'Stalled':
        return logger.error(
          { worker, bytes: event.bytes },
          'worker killed: it did not read its messages; its clients resume at other workers',
        );
    }
  };
