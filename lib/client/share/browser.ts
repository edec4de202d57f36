/** What the browser gives to share a socket: Web Locks and BroadcastChannel, as far as they are used. */

/** The part of `LockManager` that is used. */
export interface Locks {
  request(
    name: string,
    options: LockOptions,
    granted: (lock: unknown) => Promise<unknown>,
  ): Promise<unknown>;
}

export interface LockOptions {
  /** Takes the lock from its holder, whose request rejects. */
  readonly steal?: boolean;
  readonly ifAvailable?: boolean;
  /** Ends the wait for the lock. */
  readonly signal?: AbortSignal;
}

/** The part of `BroadcastChannel` that is used. */
export interface Channel {
  postMessage(message: unknown): void;
  close(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/** The class of the WHATWG BroadcastChannel. */
export type BroadcastChannelClass = new (name: string) => object;

export const isChannel = (made: object): made is Channel => 'postMessage' in made;
