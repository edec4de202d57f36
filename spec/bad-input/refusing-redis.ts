/**
 * A proxy before a Redis. Commands that contain a given text get an error that is hard to cause in a real
 * Redis. Everything else passes, in order.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { framesOf } from '../support/resp.js';

export interface RefusingRedis {
  readonly url: string;
  /** From now on commands that name `what` are answered with this error; undefined: with none. */
  readonly refuse: (what: string, error: string | undefined) => void;
  readonly stop: () => void;
}

const HOST = '127.0.0.1';
const EVALSHA = /^\*\d+\r\n\$7\r\nevalsha\r\n/i;
const PUSH = '>'.charCodeAt(0);

/** An answer that Redis owes, or one of ours that waits for those before it. */
type Owed = 'real' | Buffer;

export const refusingRedis = async (port: number): Promise<RefusingRedis> => {
  const refused = new Map<string, string>();
  const sockets = new Set<Socket>();

  const errorFor = (command: Buffer): Buffer | undefined => {
    const text = command.toString('latin1');
    for (const [what, error] of refused) {
      // NOSCRIPT is said of a hash alone
      if (text.includes(what) && (EVALSHA.test(text) || !error.startsWith('NOSCRIPT')))
        return Buffer.from(`-${error}\r\n`);
    }
    return undefined;
  };

  const server = createServer((near) => {
    const far = connect({ port, host: HOST });
    const owed: Owed[] = [];
    const [commands, answers] = [framesOf(), framesOf()];
    const writeOurs = (): void => {
      for (let [next] = owed; next instanceof Buffer; [next] = owed) {
        near.write(next);
        owed.shift();
      }
    };
    near.on('data', (chunk) => {
      for (const { bytes } of commands(chunk)) {
        const error = errorFor(bytes);
        owed.push(error ?? 'real');
        if (error === undefined) far.write(bytes);
      }
      writeOurs();
    });
    far.on('data', (chunk) => {
      for (const { bytes } of answers(chunk)) {
        near.write(bytes);
        if (bytes[0] !== PUSH) owed.shift();
        writeOurs();
      }
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }).listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();

  return {
    url: `redis://${HOST}:${typeof address === 'object' ? (address?.port ?? 0) : 0}`,
    refuse: (what, error) => {
      if (error === undefined) refused.delete(what);
      else refused.set(what, error);
    },
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
};
