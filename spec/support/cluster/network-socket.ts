/**
 * The WHATWG WebSocket over the virtual network, for the client library. Each connection goes to a random
 * pod, as behind a load balancer. The checker gets every frame, as for any client.
 */
import type { WebSocketClass } from '../../../lib/client/index.js';
import type { ApplicationEars, Checker, Ears } from '../invariants.js';
import { idTextOf, recordOf, textIn } from '../invariants/frame.js';
import type { ProcessClock, VirtualClock } from '../virtual-clock.js';
import type { Link } from './link.js';
import type { ClusterPod } from './pod.js';

export interface NetworkOptions {
  readonly name: string;
  readonly user: string | null;
  readonly clock: VirtualClock;
  /** The process of the client: events wait while it does not run. */
  readonly process: ProcessClock;
  readonly pods: readonly ClusterPod[];
  readonly checker: Checker;
  readonly ears: ApplicationEars;
  /** A client that answers no ping for longer than this may be cut. */
  readonly slackMs: number;
  /** The client can read refused handshakes, as with `ws`. In a browser each of them is code 1006. */
  readonly readsRefusals: boolean;
  readonly note: (text: () => string) => void;
}

/** All sockets of one client. */
export interface Network {
  readonly WebSocket: WebSocketClass;
  /** The ids of its connections. */
  readonly connectionIds: ReadonlySet<string>;
  /** Breaks its sockets; both sides notice it. */
  readonly cut: () => void;
  /** Nothing passes any more, and neither side notices it. */
  readonly vanish: () => void;
  /** The client reads nothing, and answers no ping. */
  readonly stall: () => void;
  readonly read: () => void;
}

interface Event {
  readonly data?: string;
  readonly code?: number;
  readonly reason?: string;
}

type Listener = (event: Event) => void;
type Refused = (request: unknown, response: object) => void;

const HANDSHAKE_MS = 10;
/** The pod may have cut the connection shortly before the client began to read again. */
const EXCUSED_MS = 1_000;

class NetworkSocket {
  private state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting';
  private link: Link | undefined;
  private ears: Ears | undefined;
  private pod: ClusterPod | undefined;
  private hasVanished = false;
  private isDraining = false;
  private silentAt: number | undefined;
  private excusedUntil = 0;
  private readonly listeners = new Map<string, Listener[]>();
  private refused: Refused | undefined;
  readonly on: ((type: string, listener: Refused) => void) | undefined;

  constructor(
    private readonly options: NetworkOptions,
    private readonly ids: Set<string>,
    private readonly open: Set<NetworkSocket>,
    url: string,
  ) {
    const { clock, readsRefusals } = options;
    const lastId = new URL(url).searchParams.get('last_id') ?? undefined;
    this.on = readsRefusals
      ? (_, listener) => {
          this.refused = listener;
        }
      : undefined;
    open.add(this);
    const hangs = clock.random() < 0.03;
    if (!hangs) clock.scheduler.schedule(() => this.dial(lastId), clock.random() * HANDSHAKE_MS);
  }

  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  send(text: string): void {
    const { ears, link, options } = this;
    const { name, note } = options;
    if (this.state === 'connecting')
      throw new Error('InvalidStateError: still in CONNECTING state');
    if (this.state !== 'open' || ears === undefined || link === undefined) return;
    note(() => `${name} sends ${text}`);
    const { type, id, room, data } = recordOf(JSON.parse(text));
    const at = this.now();
    const where = textIn(room);
    if (type === 'join') ears.joins(where, textIn(recordOf(data)['last_id']) || undefined, at);
    if (type === 'chat') ears.sent({ room: where, ref: textIn(id), data, keyed: true }, at);
    if (!this.hasVanished) link.send(text);
  }

  close(code: number): void {
    const { state, link } = this;
    if (state === 'closing' || state === 'closed') return;
    this.options.note(() => `${this.options.name} closes with ${code}`);
    this.end('itself', code);
    if (!this.hasVanished) link?.close();
  }

  cut(): void {
    if (this.state !== 'open' || this.hasVanished) return;
    this.end('itself', undefined);
    this.link?.cut();
    this.emit('close', { code: 1006, reason: '' });
  }

  vanish(): void {
    if (this.state !== 'open') return;
    this.hasVanished = true;
    this.link?.vanish();
  }

  stall(): void {
    this.silentAt ??= this.now();
    this.link?.stall();
  }

  read(): void {
    if (this.silentAt === undefined) return;
    this.link?.read();
    if (this.isLongSilent()) this.excusedUntil = this.now() + EXCUSED_MS;
    this.silentAt = undefined;
  }

  private now(): number {
    return this.options.clock.scheduler.now();
  }

  private isLongSilent(): boolean {
    return this.silentAt !== undefined && this.now() - this.silentAt > this.options.slackMs;
  }

  private dial(lastId: string | undefined): void {
    if (this.state !== 'connecting') return;
    const { name, user, clock, pods, checker, note } = this.options;
    const up = pods.filter((pod) => pod.isUp());
    const some = clock.random() < 0.9 && up.length > 0 ? up : pods;
    const pod = some[Math.floor(clock.random() * some.length)];
    const events = {
      text: (text: string) => this.receive(text),
      closed: (code: number | undefined) => this.closed(code),
    };
    const link = pod?.call({ user, room: undefined, lastId, events });
    if (pod === undefined || link === undefined) return this.refuse(pod?.isUp() === true);
    note(() => `${name} connects to ${pod.name}, last_id ${lastId ?? 'none'}`);
    this.pod = pod;
    this.link = link;
    this.ears = checker.connected({ client: name, user, pod: pod.name, at: this.now(), lastId });
    this.state = 'open';
    if (this.silentAt !== undefined) link.stall();
    this.emit('open', {});
  }

  /** No pod answers, or a draining pod refuses with 503. */
  private refuse(isDraining: boolean): void {
    this.state = 'closed';
    this.open.delete(this);
    if (isDraining && this.refused !== undefined)
      this.later(() => this.refused?.({}, { statusCode: 503, headers: { 'retry-after': '1' } }));
    else this.emit('close', { code: 1006, reason: '' });
  }

  private receive(text: string): void {
    if (this.state !== 'open') return;
    const { name, ears, note } = this.options;
    note(() => `${name} hears ${text}`);
    const received = this.ears?.received(text, this.now());
    if (received !== undefined && !('idText' in received)) {
      const { event, connection_id } = recordOf(received.data);
      if (event === 'welcome') this.ids.add(textIn(connection_id));
      if (event === 'draining') this.isDraining = true;
      if (event === 'gap') ears.gapCame(idTextOf(text));
    }
    this.emit('message', { data: text });
  }

  private closed(code: number | undefined): void {
    if (this.state !== 'open') return;
    const { name, note } = this.options;
    note(() => `${name} is closed with ${code ?? 'nothing'} by ${this.pod?.name}`);
    this.end(code === undefined ? this.cause() : undefined, code);
    this.emit('close', { code: code ?? 1006, reason: '' });
  }

  /** Why the socket broke, unless the server closed it. */
  private cause(): string | undefined {
    if (this.pod?.isOpen() !== true) return 'its pod';
    if (this.isDraining) return 'a drain';
    return this.isLongSilent() || this.now() < this.excusedUntil ? 'its silence' : undefined;
  }

  private end(cause: string | undefined, code: number | undefined): void {
    this.state = 'closed';
    this.open.delete(this);
    this.ears?.closed(code, cause, this.now());
  }

  private emit(type: string, event: Event): void {
    this.later(() => {
      for (const listener of this.listeners.get(type) ?? []) listener(event);
    });
  }

  private later(work: () => void): void {
    this.options.process.scheduler.schedule(work, 0);
  }
}

export const network = (options: NetworkOptions): Network => {
  const ids = new Set<string>();
  const open = new Set<NetworkSocket>();
  const all = (work: (socket: NetworkSocket) => void): void => {
    for (const each of [...open]) work(each);
  };
  return {
    WebSocket: class extends NetworkSocket {
      constructor(url: string) {
        super(options, ids, open, url);
      }
    },
    connectionIds: ids,
    cut: () => all((each) => each.cut()),
    vanish: () => all((each) => each.vanish()),
    stall: () => all((each) => each.stall()),
    read: () => all((each) => each.read()),
  };
};
