/**
 * Connections to PostgreSQL. Each statement has two bounds of time: the server cancels it after `timeoutMs`,
 * and a server that does not answer at all is given up a little later.
 */
import { Socket } from 'node:net';
import { type Either, left, right } from 'fp-ts/lib/Either.js';
import pg from 'pg';
import { type Failure, failureOf } from './failure.js';

export interface ArchiveConnection {
  readonly url: string;
  /** For a statement, and for a new connection. */
  readonly timeoutMs: number;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Connections {
  /** Never rejects. */
  readonly query: (
    text: string,
    values: readonly unknown[],
  ) => Promise<Either<Failure, readonly Row[]>>;
  /** Statements on a connection of their own, with this bound of time. Never rejects. */
  readonly session: <T>(
    timeoutMs: number,
    run: (client: pg.Client) => Promise<T>,
  ) => Promise<Either<Failure, T>>;
  readonly close: () => Promise<void>;
}

/** The pod waits this much longer than the server, so that a server which answers does so first. */
const SILENCE_MS = 500;

/** `size`: open connections at most. More statements wait for one. */
export const connections = (
  { url, timeoutMs }: ArchiveConnection,
  name: string,
  size: number,
): Connections => {
  const sockets = new Set<Socket>();
  const stream = (): Socket => {
    const socket = new Socket();
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
  const optionsOf = (ms: number): pg.ClientConfig => ({
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: ms,
    query_timeout: ms + SILENCE_MS,
    application_name: `chat-api archive, ${name}`,
    keepAlive: true,
    stream,
  });
  const pool = new pg.Pool({ ...optionsOf(timeoutMs), max: size });
  // an idle connection that breaks is replaced by the next statement
  pool.on('error', () => undefined);

  return {
    query: async (text, values) => {
      const client = await connected(() => pool.connect());
      if (client._tag === 'Left') return client;
      // while it is checked out, the pool does not listen
      const broken = (): undefined => undefined;
      client.right.on('error', broken);
      try {
        const { rows } = await client.right.query<Row>(text, [...values]);
        client.right.off('error', broken);
        client.right.release();
        return right(rows);
      } catch (error) {
        const failure = failureOf(error, true);
        // a connection whose statement was refused can be used again; any other is closed
        client.right.release(!REUSABLE.has(failure.kind));
        if (REUSABLE.has(failure.kind)) client.right.off('error', broken);
        return left(failure);
      }
    },
    session: async (ms, run) => {
      try {
        // throws when a file of `sslrootcert` or the like cannot be read
        const client = new pg.Client(optionsOf(ms));
        client.on('error', () => undefined);
        try {
          await client.connect();
          return right(await run(client));
        } finally {
          // a server that stands still does not answer the farewell
          void client.end().catch(() => undefined);
        }
      } catch (error) {
        return left(failureOf(error, false));
      }
    },
    close: async () => {
      await pool.end().catch(() => undefined);
      for (const socket of sockets) socket.destroySoon();
    },
  };
};

const REUSABLE: ReadonlySet<Failure['kind']> = new Set([
  'BadRow',
  'NoPartition',
  'Conflict',
  'Refused',
]);

const connected = async <T>(connect: () => Promise<T>): Promise<Either<Failure, T>> => {
  try {
    return right(await connect());
  } catch (error) {
    return left(failureOf(error, false));
  }
};
