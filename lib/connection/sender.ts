/** Sends control messages and errors to one connection. 20 faults of a client within 10 s close it. */
import { CLOSE } from '../protocol/close-codes.js';
import { errorFrame, systemFrame } from '../protocol/payload.js';
import type { Refusal, SystemEvent } from '../protocol/system-event.js';
import type { Membership } from './connection.js';
import { nextControlId } from './control-id.js';
import type { ConnectionState } from './state.js';

/** Refused messages within the window that close a connection with 1008. */
const MAX_REFUSED = 20;
const REFUSED_WINDOW_MS = 10_000;
/** Refusals that are no fault of the client's. */
const NOT_COUNTED: ReadonlySet<string> = new Set(['rejected', 'unavailable']);

export const sendControl = (
  connection: ConnectionState,
  control: SystemEvent,
  membership: Membership | undefined,
): void => {
  const id = nextControlId(connection, membership);
  sendFrame(connection, systemFrame(id, connection.deps.clock.wall(), control));
};

export const sendFrame = ({ outbox }: ConnectionState, frame: Buffer): void =>
  outbox.send({ count: 1, bytes: frame });

export const refuse = (connection: ConnectionState, refusal: Refusal): void => {
  const { clock, emit } = connection.deps;
  emit({ _tag: 'Rejected', code: refusal.code });
  sendFrame(connection, errorFrame(nextControlId(connection), clock.wall(), refusal));
  if (NOT_COUNTED.has(refusal.code)) return;
  const now = clock.scheduler.now();
  connection.refusedAt ??= [];
  const { refusedAt } = connection;
  refusedAt.push(now);
  if (refusedAt.length < MAX_REFUSED) return;
  if (now - (refusedAt.shift() ?? now) <= REFUSED_WINDOW_MS) connection.close(CLOSE.brokeRules);
};
