/** Whether a client has been in the middle of one message for too long (docs/protocol.md, section 7). */
import type { Connection } from './connection.js';

const MAX_MS = 30_000;

/** Called once a tick of the heartbeat. `lived`: for how long the process has run, in ms. */
export const isIncomplete = (connection: Connection, lived: number): boolean => {
  const { vital, messagesRead } = connection;
  const isSame = messagesRead === vital.messages;
  vital.messages = messagesRead;
  if (!connection.isMidMessage || connection.isPaused) {
    vital.incompleteSince = -1;
    return false;
  }
  if (!isSame || vital.incompleteSince < 0) vital.incompleteSince = Math.round(lived);
  return lived - vital.incompleteSince > MAX_MS;
};
