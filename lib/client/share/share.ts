/**
 * The part of the client that is loaded for `share`: one socket for all tabs of a browser. `tab.ts` and
 * `leader.ts` have the machines. A client with `share` is the client as it is, with another WebSocket: its
 * frames go to the leader, which speaks to each tab as the server would. So each client resumes, makes its
 * handovers, and keeps its publishes without an answer by itself.
 *
 *   tab:    client ─▶ ClientSocket ─▶ tab ──┐ BroadcastChannel
 *   tab:    client ─▶ ClientSocket ─▶ tab ──┤
 *   leader: client ─▶ ClientSocket ─▶ tab ──┴─▶ leader ─▶ WebSocket ─▶ server
 *
 * The bundle of this folder has nothing of rxjs: a page would load it twice.
 */
import type { ConnectOptions } from '../options.js';
import type { RunnerDeps } from '../runner.js';
import { type BroadcastChannelClass, isChannel, type Locks } from './browser.js';
import { tabRunner } from './tab-runner.js';

const platform: {
  readonly navigator?: { readonly locks?: Locks };
  readonly BroadcastChannel?: BroadcastChannelClass;
  readonly document?: { readonly baseURI?: string };
  readonly location?: { readonly href?: string };
} = globalThis;

/** What takes the place of the client's own `open`. */
export interface Shared extends Pick<RunnerDeps, 'open'> {
  /** To be called when the client is closed. */
  readonly leave: () => void;
}

/**
 * Undefined when the platform has no Web Locks or BroadcastChannel, or does not allow the page to use them:
 * then the client has a socket of its own.
 */
export const share = async (
  deps: RunnerDeps,
  options: ConnectOptions,
): Promise<Shared | undefined> => {
  const { locks = platform.navigator?.locks, BroadcastChannel = platform.BroadcastChannel } =
    options;
  const name = `chat-api 1 ${absolute(options.url)} ${options.share === true ? '' : options.share}`;
  if (!locks || !BroadcastChannel || !canOpen(BroadcastChannel, name)) return undefined;
  if (!(await isAllowed(locks, name))) return undefined;
  return tabRunner({ ...deps, name, locks, BroadcastChannel });
};

/** A page without an origin of its own may have locks and not be allowed to use them. */
const isAllowed = (locks: Locks, name: string): Promise<boolean> =>
  locks
    .request(`${name} allowed`, { ifAvailable: true }, () => Promise.resolve(true))
    .then(
      () => true,
      () => false,
    );

/** A page whose storage is blocked has the class, and may not be allowed to use it. */
const canOpen = (Made: BroadcastChannelClass, name: string): boolean => {
  try {
    const channel = new Made(`${name} allowed`);
    if (isChannel(channel)) channel.close();
    return true;
  } catch {
    return false;
  }
};

/** Two pages with the same relative URL may mean two servers. */
const absolute = (url: string): string => {
  try {
    return new URL(url, platform.document?.baseURI ?? platform.location?.href).href;
  } catch {
    return url;
  }
};
