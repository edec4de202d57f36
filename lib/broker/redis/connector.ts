/**
 * How a socket to Redis is opened, with two things that ioredis leaves out. With TLS the host name is sent
 * (SNI, RFC 6066 §3), as managed Redis services and TLS routers select by it. And the handshake is one write:
 * with several writes, the second one fails with EPIPE when Redis refuses and closes, and Redis's message
 * (`max number of clients reached`) is never read.
 */
import { AbstractConnector, type RedisOptions, SentinelConnector } from 'ioredis';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** The name for a TLS handshake; none for an address. */
export const withName = (host: string, tls: ConnectionOptions): ConnectionOptions =>
  isIP(host) === 0 ? { servername: host, ...tls } : tls;

/**
 * What Redis sends by itself before it closes the connection. ioredis reports nothing before its handshake is
 * complete, and the close comes first.
 */
const REFUSED = /^-(.*(?:max number of clients|protected mode).*)/;

/** An error as ioredis makes it of an answer of Redis. */
const replyOf = (text: string): Error => Object.assign(new Error(text), { name: 'ReplyError' });

/** ioredis writes its handshake in its listener of this event: so the socket must be corked before. */
const handshakeAtOnce = <S extends Socket>(stream: S, event: 'connect' | 'secureConnect'): S => {
  stream.once(event, () => {
    stream.cork();
    queueMicrotask(() => stream.uncork());
    stream.once('data', (chunk: Buffer) => {
      const [, text] = REFUSED.exec(chunk.toString()) ?? [];
      if (text !== undefined) stream.destroy(replyOf(text));
    });
  });
  return stream;
};

/** ioredis passes its options untyped. */
const optionsOf = (given: unknown): RedisOptions => (isOptions(given) ? given : {});

const isOptions = (given: unknown): given is RedisOptions =>
  typeof given === 'object' && given !== null;

/** Connects to a host and a port. */
export class NodeConnector extends AbstractConnector {
  private readonly options: RedisOptions;

  public constructor(given: unknown) {
    const options = optionsOf(given);
    super(options.disconnectTimeout ?? 0);
    this.options = options;
  }

  public connect(): Promise<Socket> {
    const { host = '127.0.0.1', port = 6_379, tls } = this.options;
    this.connecting = true;
    const stream =
      tls === undefined
        ? handshakeAtOnce(connectTcp({ host, port }), 'connect')
        : handshakeAtOnce(connectTls({ host, port, ...withName(host, tls) }), 'secureConnect');
    stream.once('error', (error: Error) => {
      this.firstError = error;
    });
    this.stream = stream;
    return Promise.resolve(stream);
  }
}

/** Connects to the master that Sentinels name. */
export class MasterConnector extends SentinelConnector {
  public constructor(given: unknown) {
    const options = optionsOf(given);
    super(options);
    const { sentinelTLS } = options;
    if (sentinelTLS === undefined) return;
    // ioredis has one `sentinelTLS` for all Sentinels, and reads it after each step of this iterator
    const next = this.sentinelIterator.next.bind(this.sentinelIterator);
    this.sentinelIterator.next = () => {
      const step = next();
      if (!step.done)
        this.options = {
          ...this.options,
          sentinelTLS: withName(step.value.host ?? '', sentinelTLS),
        };
      return step;
    };
  }

  public override async connect(
    ...args: Parameters<SentinelConnector['connect']>
  ): ReturnType<SentinelConnector['connect']> {
    const stream = await super.connect(...args);
    const isTls = this.options.enableTLSForSentinelMode === true && this.options.tls !== undefined;
    return handshakeAtOnce(stream, isTls ? 'secureConnect' : 'connect');
  }
}

/**
 * ioredis calls it for the address of a master; the result is passed to `tls.connect` with the TLS options.
 */
export const namedMaster = (address: string): { host: string; port: number } | null => {
  const at = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))];
  const named = { host, port, servername: host };
  return isIP(host) === 0 ? named : null;
};
