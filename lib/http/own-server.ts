/**
 * The HTTP server of a pod when the application lends none: limits and routes together, and its life from
 * `listen` to `close`.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { platform } from 'node:os';
import { historyHandler } from './history.js';
import { publishHandler, type PublishHandler, type PublishHandlerDeps } from './publish.js';
import { routes, type RoutesDeps } from './routes.js';
import { type HttpServer, httpServer } from './server.js';
import type { Broker } from '../broker/index.js';
import type { InPublishSpan } from '../telemetry/tracing.js';

export interface OwnServer extends Omit<HttpServer, 'http'> {
  readonly server: Server;
  /** The address that the server listens on; null when it is no TCP address. */
  readonly listen: () => Promise<AddressInfo | null>;
  readonly close: () => Promise<void>;
}

export interface OwnServerDeps extends Omit<RoutesDeps, 'history' | 'publishing' | 'sendControl'> {
  readonly broker: Broker;
  readonly moderate: PublishHandlerDeps['moderate'];
  /** Undefined unless spans are made. */
  readonly inSpan: InPublishSpan | undefined;
}

/**
 * How many new connections may wait while the event loop is busy. The kernel limits it to net.core.somaxconn.
 */
const BACKLOG = 4_096;

/**
 * On Linux, with Node 22.12 or later, each worker has a listener of its own on the shared port, and the
 * kernel chooses. Older Node ignores `reusePort`. There, and on other systems, the program that started the
 * workers accepts the connections and hands them out in turn.
 */
const CAN_SHARE = platform() === 'linux';

export const ownServer = ({ broker, moderate, inSpan, ...deps }: OwnServerDeps): OwnServer => {
  const { config, clock, emit, whole } = deps;
  const isShared = CAN_SHARE && whole !== undefined;
  const publishingWith = (to: PublishHandlerDeps['broker']): PublishHandler =>
    publishHandler({ broker: to, clock, limits: config.limits, moderate, emit });
  const { http, ...rest } = httpServer(config, clock, emit);
  routes({
    ...deps,
    history: historyHandler(broker),
    publishing:
      inSpan === undefined
        ? publishingWith(broker)
        : (body, by, headers) =>
            inSpan(headers, (traced) => publishingWith(traced)(body, by, headers)),
    sendControl: (command) => broker.sendControl(command),
  })(http);
  return {
    ...rest,
    server: http.server,
    listen: async () => {
      const { port, host } = config.server;
      // the types of the framework do not have `reusePort`
      const options = { port, host, backlog: BACKLOG, reusePort: isShared };
      await http.listen(options);
      const address = http.server.address();
      return typeof address === 'object' ? address : null;
    },
    close: () => http.close(),
  };
};
