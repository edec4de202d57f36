/** The WebSocket that a client with `share` has: its frames go to the leader and come from there. */
type Listener = (event: {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly retryInMs?: number | undefined;
}) => void;

type Kind = 'message' | 'close';

export class ClientSocket {
  readonly #listeners = new Map<string, Listener>();
  /**
   * What came before the client listened: a leader in the same tab answers while the socket is made. The
   * client listens in the same turn, so only the answer to the opening waits here.
   */
  #early: (readonly [Kind, Parameters<Listener>[0]])[] = [];
  #isClosed = false;

  constructor(
    private readonly sent: (text: string) => void,
    private readonly closed: () => void,
  ) {}

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
    const early = this.#early.filter(([of]) => of === type);
    this.#early = this.#early.filter(([of]) => of !== type);
    for (const [, event] of early) listener(event);
  }

  send(text: string): void {
    this.sent(text);
  }

  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    this.closed();
  }

  emit(type: Kind, event: Parameters<Listener>[0]): void {
    const listener = this.#listeners.get(type);
    if (listener) listener(event);
    else if (!this.#isClosed) this.#early.push([type, event]);
  }
}
