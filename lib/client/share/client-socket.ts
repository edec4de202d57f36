/** The WebSocket that a client with `share` has: its frames go to the leader and come from there. */
type Listener = (event: {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly retryInMs?: number | undefined;
}) => void;

export class ClientSocket {
  readonly #listeners = new Map<string, Listener>();

  constructor(
    private readonly sent: (text: string) => void,
    private readonly closed: () => void,
  ) {}

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
  }

  send(text: string): void {
    this.sent(text);
  }

  close(): void {
    this.#listeners.clear();
    this.closed();
  }

  emit(type: 'message' | 'close', event: Parameters<Listener>[0]): void {
    this.#listeners.get(type)?.(event);
  }
}
