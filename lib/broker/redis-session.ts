/**
 * How long connections live. A session is all the connections that one life of a bus needs: it opens, is ready, breaks
 * as a whole. ioredis's own reconnecting is off, because a session that half came back (a publisher without its
 * subscriber) is none, and a frozen peer must be droppable at once.
 */
import type { RedisOptions } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import {
  catchError,
  concat,
  defer,
  filter,
  merge,
  type MonoTypeOperatorFunction,
  type Observable,
  of,
  repeat,
  switchMap,
  tap,
  timeout,
  timer,
} from 'rxjs';
import type { Clock } from '../clock.js';
import { backoffMs } from './backoff.js';
import type { BusEvent } from './bus.js';

export interface BusOptions {
  /** `redis://user:password@host:port/db`, `rediss://…`, or `host:port`. With Sentinels, only who we are is read from it. */
  readonly url: string;
  /** `host:port` each; none: no Sentinel. */
  readonly sentinels: readonly string[];
  readonly sentinelName: string;
  readonly serverId: string;
  readonly timeoutMs: number;
  readonly positionTtlMs: number;
  readonly logMessages: number;
  readonly logTtlMs: number;
  readonly clock: Clock;
  /** For `rediss://` with an authority of one's own; NODE_EXTRA_CA_CERTS does without it. */
  readonly tls?: ConnectionOptions | undefined;
}

/** Without the one of ioredis's options whose type decides that of every answer. */
export type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>;

const CONNECT_MS = 1_000;
/** A session that is not ready by then is given up: three Sentinels may have to be asked, each for SENTINEL_MS. */
const READY_MS = 3_000;
const SENTINEL_MS = 500;
/** A session that lived this long starts counting tries anew, one that is cut at once does not. */
const STEADY_MS = 1_000;
/** What a closed connection gets to say goodbye. */
const GOODBYE_MS = 100;

/**
 * Opens sessions one after the other, for as long as it is subscribed. `open` emits `Ready`, then errors when it breaks;
 * its teardown drops the connections. `again$` says why to drop the present one.
 */
export const sessions = (
  open: (attempt: number) => Observable<BusEvent>,
  again$: Observable<string>,
  clock: Clock,
): Observable<BusEvent> => {
  const kept$ = defer(() => {
    let attempt = 0;
    let readyAt = Number.POSITIVE_INFINITY;
    return defer(() => open(attempt)).pipe(
      timeout({ first: READY_MS, scheduler: clock.scheduler }),
      tap(({ _tag }) => {
        if (_tag === 'Ready') readyAt = clock.scheduler.now();
      }),
      catchError((thrown: unknown) =>
        of(lost(thrown instanceof Error ? thrown.message : String(thrown))),
      ),
      repeat({
        delay: () => {
          attempt = clock.scheduler.now() - readyAt > STEADY_MS ? 0 : attempt + 1;
          readyAt = Number.POSITIVE_INFINITY;
          return timer(backoffMs(attempt, clock.random), clock.scheduler);
        },
      }),
    );
  });
  return merge(of(undefined), again$).pipe(
    switchMap((why) => (why === undefined ? kept$ : concat(of(lost(why)), kept$))),
    toldOnce(),
  );
};

const lost = (detail: string): BusEvent => ({ _tag: 'Lost', detail });

/** `Lost` is told once until the next `Ready`. */
const toldOnce = (): MonoTypeOperatorFunction<BusEvent> => (source$) =>
  defer(() => {
    let isLost = false;
    return source$.pipe(
      filter(({ _tag }) => {
        const isNews = _tag !== 'Lost' || !isLost;
        isLost = _tag === 'Lost' || (isLost && _tag !== 'Ready');
        return isNews;
      }),
    );
  });

/** `REDIS_URL` of a Cluster may name several nodes, with commas between: the others need no more than `host:port`. */
export const seedsOf = (url: string): readonly Address[] =>
  url.split(',').map((text) => addressOf(text, 6379));

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An address as `REDIS_URL` and `REDIS_SENTINELS` write it. */
export const addressOf = (text: string, port: number): Address => {
  const { hostname, port: given } = urlOf(text);
  return {
    host: hostname === '' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, ''),
    port: given === '' ? port : Number(given),
  };
};

const urlOf = (text: string): URL => {
  const [first = ''] = text.split(',');
  return new URL(first.includes('://') ? first : `redis://${first}`);
};

/**
 * What every connection has. RESP3, as it keeps pushes apart from answers: a Cluster's unasked `sunsubscribe` cannot be
 * taken for the answer to a command, and a subscriber can be asked other things; ioredis falls back to RESP2 by itself.
 * Payloads are Buffers in both.
 */
export const connectionOptions = ({
  url,
  serverId,
  timeoutMs,
  tls,
}: BusOptions): ConnectionSettings => {
  const { username, password, protocol, pathname } = urlOf(url);
  const db = Number(pathname.slice(1));
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(Number.isInteger(db) && db > 0 ? { db } : {}),
    ...(protocol === 'rediss:' ? { tls: tls ?? {} } : {}),
    // of a client's name Redis takes visible characters only
    connectionName: `chat-api:${serverId.replace(/[^!-~]/g, '_')}`,
    protocol: 3,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    commandTimeout: timeoutMs,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: GOODBYE_MS,
    maxLoadingRetryTime: 200,
  };
};

/** Where to connect. The Sentinels' order turns with each attempt: one that hangs costs one attempt, not each. */
export const whereOf = (options: BusOptions, attempt: number): ConnectionSettings => {
  const { sentinels, sentinelName, url, tls } = options;
  if (sentinels.length === 0) return addressOf(url, 6379);
  const turned = sentinels.map((_, i) =>
    addressOf(sentinels[(i + attempt) % sentinels.length] ?? '', 26_379),
  );
  return {
    sentinels: turned,
    name: sentinelName,
    sentinelCommandTimeout: SENTINEL_MS,
    sentinelRetryStrategy: () => null,
    ...(url.startsWith('rediss:')
      ? { enableTLSForSentinelMode: true, sentinelTLS: tls ?? {} }
      : {}),
  };
};
