/** The log of the process: lines on standard output. */
import { destination, type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config/index.js';
import { pretty } from './pretty.js';

export const loggerOf = ({ server }: Config): Logger =>
  pino(
    { level: server.logLevel, base: { server_id: server.serverId } },
    server.logFormat === 'pretty' ? prettyLog(log()) : log(),
  );

const prettyLog = (out: DestinationStream): DestinationStream => ({
  write: (line) => out.write(pretty(line)),
});

/**
 * Standard output, written synchronously. With asynchronous writes, the process would never end when the
 * reader of its output has gone, as the rest is written again and again. Few lines are written, so this costs
 * little. A line that cannot be written is kept for the next write.
 */
export const log = (): DestinationStream =>
  destination({ fd: 1, sync: true, maxLength: MAX_UNWRITTEN }).on('error', () => undefined);

/** Bytes that are kept while a disk is full. Lines beyond them are dropped. */
const MAX_UNWRITTEN = 1_048_576;
