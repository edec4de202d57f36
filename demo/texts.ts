/** The texts of a pane: what the connection does, and how long something took. */
import type { Status } from 'chat-api/client';

/**
 * How a status looks. `good`: messages arrive; `bad`: nothing arrives; `busy`: all else, such as connecting,
 * or one pod only.
 */
export type Tone = 'good' | 'busy' | 'bad';

export interface StatusText {
  readonly tone: Tone;
  readonly text: string;
}

export const statusText = (
  status: Status,
  isBroken: boolean,
  /** The server refuses the room. */
  isRefused = false,
): StatusText => {
  if (isRefused && status._tag === 'Live')
    return { tone: 'busy', text: `${live(status.userId)}, but not in the room` };
  switch (status._tag) {
    case 'Idle':
      return { tone: 'busy', text: 'Not connected' };
    case 'Connecting':
      return { tone: 'busy', text: 'Connecting' };
    case 'Live':
      return status.degraded
        ? { tone: 'busy', text: 'Live on one pod only: Redis does not answer' }
        : { tone: 'good', text: live(status.userId) };
    case 'Draining':
      return { tone: 'good', text: 'Live, moving to another pod' };
    case 'Waiting':
      return { tone: 'bad', text: isBroken ? 'The line is broken' : lost(status.because) };
    case 'Offline':
      return {
        tone: 'bad',
        text: status.because === 'offline' ? 'The browser is offline' : 'The page is frozen',
      };
    case 'Closed':
      return {
        tone: 'bad',
        text: `Closed: ${status.because} (${status.code}). Press Join to connect again`,
      };
  }
};

const live = (userId: string | null): string => (userId === null ? 'Live' : `Live as ${userId}`);

const lost = (because: string): string =>
  because === 'hidden' ? 'Waits until the page is visible' : `Not connected (${because})`;

/** An error of the server for a person: a program sends refresh, a person has a field for the token. */
export const forUser = (text: string): string =>
  text.replace('send refresh with a token', 'paste a token');

/** When the next try comes; empty when none is due. */
export const nextTry = (status: Status, nowMs: number): string =>
  status._tag === 'Waiting' && status.because !== 'hidden'
    ? `next try in ${Math.max(0, Math.ceil((status.retryAt - nowMs) / 1_000))} s`
    : '';

/** `3 ms`, `1.2 s`. */
export const duration = (ms: number): string =>
  ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`;

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
