/**
 * The hub's events as log lines. At no level is there a line for each message. No line has a body or a token.
 * Events that can come in storms are logged once a minute, with a count.
 */
import type { Logger } from 'pino';
import type { Denial } from '../auth/index.js';
import type { HubEvent } from '../hub-event.js';
import { type LineOptions, sqlOutboxLine } from './sql-outbox-lines.js';

const QUIET_MS = 60_000;
/** How many reasons are counted separately. */
const MAX_REASONS = 256;
/**
 * PostgreSQL may answer the breaker's probe (`history/archive/breaker.ts`) and refuse the next messages (a
 * full disk). One line a second is enough.
 */
const FLAPPING_MS = 1_000;
/** For how long a lost connection or a refusal may explain an outage. An outage is reported within 3 s. */
const RECENT_MS = 5_000;

/** A sink for the hub's events. `now` is monotonic milliseconds. */
export const eventLog = (
  logger: Logger,
  now: () => number,
  hasBroker: boolean,
): ((event: HubEvent) => void) => {
  const logged = new Map<string, { at: number; since: number }>();

  /**
   * Forgets what was not logged for a minute. Reasons may come from outside (origins, names of fields):
   * without this a few hundred of them would fill the map for ever.
   */
  const forget = (): void => {
    for (const [name, { at }] of logged) if (now() - at >= QUIET_MS) logged.delete(name);
  };

  /** Whether the line was logged. */
  const within = (
    kind: string,
    detail: object,
    { about = '', level = 'warn', quietMs = QUIET_MS }: LineOptions,
  ): boolean => {
    if (logged.size >= MAX_REASONS) forget();
    const name = logged.size < MAX_REASONS || logged.has(kind + about) ? kind + about : kind;
    const last = logged.get(name);
    if (last !== undefined && now() - last.at < quietMs) {
      last.since++;
      return false;
    }
    logged.set(name, { at: now(), since: 0 });
    logger[level]({ ...detail, repeated: last?.since ?? 0 }, kind);
    return true;
  };
  const rarely = (kind: string, detail: object, about = ''): void =>
    void within(kind, detail, { about });

  /** Whether the line of the last interruption was left out: then that of its end is left out too. */
  let isSilent = false;

  /** The last reason for a lost connection or for a refusal by Redis. It counts for `RECENT_MS` only. */
  let lastFailure: { readonly reason: string; readonly at: number } | undefined;
  const reason = (): string | undefined =>
    lastFailure !== undefined && now() - lastFailure.at < RECENT_MS
      ? lastFailure.reason
      : undefined;

  return (event) => {
    switch (event._tag) {
      case 'StatusChanged':
        if (event.status._tag === 'Degraded')
          logger.warn(
            { reason: reason() },
            'broker: degraded, messages reach the members on this pod only',
          );
        // without Redis no line: a pod is alone, and workers need not wait for the exchange
        else if (event.status._tag === 'Up' && hasBroker)
          logger.info('broker: up, messages reach all pods');
        return;
      case 'Connected':
        if (logger.isLevelEnabled('debug')) {
          const { id, userId, address, room } = event.peer();
          logger.debug({ connection: id, user: userId, address, room }, 'connection: opened');
        }
        return;
      case 'Disconnected':
        if (logger.isLevelEnabled('debug')) {
          const { id, userId, address, room } = event.peer();
          const by = event.code === null ? 'client' : 'server';
          const code = event.code ?? event.peerCode;
          const of = { connection: id, user: userId, address, room };
          const { seconds, messagesIn, messagesOut } = event.life();
          const life = { seconds, messages_in: messagesIn, messages_out: messagesOut };
          logger.debug({ ...of, code, by, ...life }, 'connection: closed');
        }
        return;
      case 'HandshakeRefused':
      case 'RequestRefused': {
        const { status, reason, requester } = event;
        const what = event._tag === 'RequestRefused' ? 'request' : 'connection';
        if (logger.isLevelEnabled('debug'))
          logger.debug({ status, reason, ...requester?.() }, `${what}: refused`);
        return;
      }
      case 'OriginRefused':
        return rarely(
          'origin: a page was refused, as its origin is not in ALLOWED_ORIGINS',
          { origin: event.origin, ...(event.origin === 'null' ? NULL_ORIGIN : {}) },
          event.origin,
        );
      case 'RoomFailed':
        return logger.error(
          { err: event.error },
          'room: ended by a bug of this service; the connections of its members were closed with 1011',
        );
      case 'UpgradeTaken':
        return rarely(
          'upgrade: another listener of the server took a connection below BASE_PATH',
          {},
        );
      case 'HookFailed':
        return rarely('hook: failed', { hook: event.hook, err: event.error }, event.hook);
      case 'FoldFailed':
        return rarely(
          'events: an event was not counted or logged by one of its receivers',
          { fold: event.fold, err: event.error },
          event.fold,
        );
      case 'Denied': {
        const { _tag: reason, ...detail } = event.denial;
        // the claim is part of the name, so two different mistakes of two clients are both logged. The texts
        // of claims come from this service, so their number is bounded
        const claim = 'expected' in detail ? detail.expected : '';
        return rarely(
          'access: refused, as no token or key was accepted',
          { reason, ...HINTS[reason], ...detail },
          `${reason} ${claim}`,
        );
      }
      case 'KeysUnavailable':
        return rarely('access: the keys of JWT_JWKS_URL could not be read', {
          detail: event.detail,
        });
      case 'KeysUnsafe':
        return logger.warn(
          { detail: event.detail },
          'access: some or all keys of JWT_JWKS_URL are not used',
        );
      case 'ConnectionLost':
        lastFailure = { reason: event.detail, at: now() };
        return rarely('broker: the connection was lost or refused', { detail: event.detail });
      case 'Refused':
        lastFailure = { reason: event.detail, at: now() };
        return rarely(
          'broker: Redis refused what a pod needs',
          { detail: event.detail, right: event.right },
          // a closed list: WRONGPASS, NOPERM, and the rights that a pod needs
          `${/^[A-Z]+\b/.exec(event.detail)?.[0]} ${event.right}`,
        );
      case 'NamesakeFound':
        return rarely(
          'broker: another pod has the same SERVER_ID: give each pod a SERVER_ID of its own',
          {},
        );
      case 'PublishFailed':
        return rarely('broker: a publish failed, its message reached no other pod', {
          detail: event.detail,
        });
      case 'PayloadDropped':
        return rarely(
          'broker: a payload was dropped',
          { detail: event.detail },
          event.detail.split(', got ', 1)[0],
        );
      case 'ArchiveInterrupted': {
        const { reason, detail } = event;
        const line = 'archive: it takes no messages, senders get the error unavailable';
        isSilent = !within(line, { reason, detail }, { quietMs: FLAPPING_MS });
        return;
      }
      case 'ArchiveRestored':
        if (!isSilent) logger.info('archive: up, messages are stored');
        return;
      case 'ArchivePoison':
        return void within(
          'archive: a message cannot be stored; it is in the table rejected, and not in the history',
          { id: event.id, detail: event.detail },
          { about: event.detail, level: 'error' },
        );
      case 'ArchivePruned':
        return logger.info({ days: event.days }, 'archive: messages of old days were removed');
      case 'ArchiveUpkeepFailed':
        return rarely(
          'archive: partitions were not made or not dropped; it is tried again within an hour',
          { detail: event.detail },
        );
      case 'SqlOutboxOwned':
        return logger.info('chat_publish: this pod publishes its messages');
      case 'SqlOutboxInterrupted':
      case 'SqlRefused':
      case 'SqlRejected':
        return void within(...sqlOutboxLine(event));
      case 'GapSent':
        logger.debug(
          { room: event.room, reason: event.reason, members: event.members },
          'room: gap',
        );
        return rarely(
          'room: members were sent a gap',
          { reason: event.reason, members: event.members },
          event.reason,
        );
      default:
        return;
    }
  };
};

/** `ALLOWED_ORIGINS` takes no `null`: every file and every sandboxed frame has this origin. */
const NULL_ORIGIN = {
  hint: 'the page was opened from a file or in a sandboxed frame: serve it over http or https, as only * allows null',
};

const CLOCKS = 'compare the clocks of the issuer and of this pod';
/** What is expected in place of denied credentials, where the denial itself does not say it. */
const HINTS: Readonly<Partial<Record<Denial['_tag'], { readonly expected: string }>>> = {
  Missing: {
    expected:
      'a token as Authorization: Bearer TOKEN, ?token=TOKEN or the subprotocol bearer.TOKEN, or a key as X-API-Key',
  },
  Untrusted: {
    expected:
      'a signature with HS256, RS256, ES256 or EdDSA by a key of this service: JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL',
  },
  Expired: { expected: `a token whose exp is in the future; ${CLOCKS}` },
  NotYetValid: { expected: `nbf and iat at most 30 s in the future; ${CLOCKS}` },
  WrongUser: { expected: 'in refresh, a token with the sub of the connection' },
  UnknownKey: { expected: 'in X-API-Key, one of the keys in API_KEYS' },
  Unavailable: {
    expected:
      'the public keys behind JWT_JWKS_URL: they could not be read, so this token was not checked',
  },
};
