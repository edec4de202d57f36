/**
 * Whether the socket of a connection is read. Frames are handled in order, one at a time.
 *
 *             frame while busy                no longer busy
 *   Reading ──────────────────► Paused(frames) ────────────► Resuming(frames)
 *      ▲                              ▲ busy again                │   │
 *      │                              └───────────────────────────┘   │
 *      └──────────────── no frame is left: the socket is read again ──┘
 *
 * Busy: 64 publishes are in flight, or one thing is awaited: the answer of a hook, the verification of a
 * token, or the time at which the rate allows a replay. So a slow broker or hook cannot grow the heap.
 * `Paused` holds at most the frames of one read of the socket.
 */
import { type ConnectionState, OPEN, type Pace, READING } from './state.js';

const MAX_IN_FLIGHT = 64;

const isBusy = ({ awaiting, inFlight }: ConnectionState): boolean =>
  awaiting || inFlight >= MAX_IN_FLIGHT;

/**
 * Whether the frame is handled now. Else it waits for `takePaused`, or is dropped, as the connection is
 * closing.
 */
export const isHandledNow = (connection: ConnectionState, frame: Buffer): boolean => {
  connection.messagesRead++;
  // after a close the socket is not paused: else the peer's answer to the close would never be read
  if (connection.phase !== OPEN) return false;
  const { pace, webSocket } = connection;
  if (pace._tag !== 'Reading') pace.frames.push(frame);
  else if (isBusy(connection)) connection.pace = { _tag: 'Paused', frames: [frame] };
  else return true;
  if (!webSocket.isPaused) webSocket.pause();
  return false;
};

/** Later frames wait from now on. */
export const beginWait = (connection: ConnectionState): void => {
  connection.awaiting = true;
};

/** The awaited answer has come. `takePaused` follows, when the answer has been handled. */
export const endWait = (connection: ConnectionState): void => {
  connection.awaiting = false;
};

export const publishBegins = (connection: ConnectionState): void => {
  connection.inFlight++;
};

export const publishEnds = (connection: ConnectionState): void => {
  connection.inFlight--;
};

/** A loop, as handling a frame may call this again: `Resuming` ends the recursion. */
export const takePaused = (connection: ConnectionState): void => {
  const { pace } = connection;
  if (pace._tag !== 'Paused' || isBusy(connection)) return;
  const { frames } = pace;
  const resuming: Pace = { _tag: 'Resuming', frames };
  connection.pace = resuming;
  while (!isBusy(connection)) {
    const next = frames.shift();
    if (next === undefined) return readAgain(connection);
    connection.handleFrame(next);
    if (!isAt(connection, resuming)) return;
  }
  connection.pace = pace;
};

/** The end of a connection drops the frames and changes the pace. */
const isAt = ({ pace }: ConnectionState, expected: Pace): boolean => pace === expected;

/** Drops the frames. A paused socket would never read the peer's answer to a close. */
export const readAgain = (connection: ConnectionState): void => {
  connection.pace = READING;
  if (connection.webSocket.isPaused) connection.webSocket.resume();
};
