/** Settings of the pod as a server: its address, its id, its log, and which pages and proxies it accepts. */
import { hostname } from 'node:os';
import { pid } from 'node:process';
import * as E from 'fp-ts/lib/Either.js';
import {
  boolean,
  count,
  duration,
  type Format,
  host,
  list,
  matching,
  network,
  oneOf,
  port,
  workers,
} from '../formats.js';
import { origins } from '../origins.js';
import { setting } from '../setting.js';

const SERVER_ID = /^[A-Za-z0-9_.:-]{1,128}$/;

/**
 * The default `SERVER_ID`: unique on one machine. Two containers that have the same host name, and both run
 * as process 1, need a `SERVER_ID` each. The process id is read here and not passed by `main.ts`: programs that
 * embed the library do not run `main.ts`, and get an id too. No third file reads the process.
 */
const ownServerId = (): string => {
  const end = `-${pid}`;
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9_.:-]/g, '-')
      .slice(0, 128 - end.length) + end
  );
};

const serverId: Format<string> = (raw) =>
  raw === ''
    ? E.right(ownServerId())
    : matching(SERVER_ID, '1 to 128 characters of A-Z a-z 0-9 _ . : -')(raw);

const BASE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

export const server = {
  port: setting('PORT', 8000, port, 'Where to listen; 0 takes any free port.'),
  host: setting(
    'HOST',
    '127.0.0.1',
    host,
    'The address to listen on; 0.0.0.0 with NODE_ENV=production (config/production.json).',
  ),
  serverId: setting(
    'SERVER_ID',
    '',
    serverId,
    'The name of this pod among the others; empty: host name and process id.',
  ),
  logLevel: setting(
    'LOG_LEVEL',
    'info',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'fatal, error, warn, info, debug, trace or silent.',
  ),
  logFormat: setting(
    'LOG_FORMAT',
    'json',
    oneOf('json', 'pretty'),
    'json for programs, pretty for people.',
  ),
  workers: setting(
    'WORKERS',
    1,
    workers,
    'How many pods this command runs on one port, or auto: one for each core. Limits hold for each pod.',
  ),
  maxConnections: setting(
    'MAX_CONNECTIONS',
    10_000,
    count(1),
    'Connections of this pod; one more gets 503.',
  ),
  httpKeepAliveMs: setting(
    'HTTP_KEEP_ALIVE_MS',
    75_000,
    duration(1),
    'How long an idle HTTP connection stays open. It must be longer than the idle timeout of the load balancer (often 60 s).',
  ),
  drainMs: setting(
    'DRAIN_MS',
    10_000,
    duration(0),
    'How long connections may take to end when the pod stops.',
  ),
  readyRequiresBroker: setting(
    'READY_REQUIRES_BROKER',
    false,
    boolean,
    'Whether /ready is 503 while the broker is down. Then all pods answer 503 together, as they share the broker.',
  ),
  allowedOrigins: setting(
    'ALLOWED_ORIGINS',
    '',
    origins,
    "Origins, beside the pod's own, whose pages may connect (http://a.com:3000), comma separated; *: all.",
  ),
  basePath: setting(
    'BASE_PATH',
    '/api/chat-api',
    matching(
      BASE_PATH,
      'a path such as /chat: it starts with /, does not end with /, and is not / alone',
    ),
    'The path before /ws, /messages and /rooms.',
  ),
  demoPage: setting(
    'DEMO_PAGE',
    true,
    boolean,
    'Whether / is the demo page; false with NODE_ENV=production (config/production.json).',
  ),
  trustedProxies: setting(
    'TRUSTED_PROXIES',
    '',
    list(
      network,
      'addresses or blocks such as 10.0.0.0/8, not wider than /8 (IPv6: /16): a wider block has other hosts',
    ),
    'Proxies whose X-Forwarded-For is trusted: addresses or blocks up to /8 (IPv6: /16), comma separated.',
  ),
};
