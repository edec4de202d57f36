/**
 * The pipe between a worker and the process that started it, as a link of frames (`broker/exchange/`). Node's
 * own channel between the two encodes each message as a structured clone, which costs 5 µs even for plain
 * bytes. So it carries only what is rare.
 */
import type { Duplex } from 'node:stream';
import { fromEvent, mergeMap, scan, share } from 'rxjs';
import type { Link } from '../broker/exchange/link.js';
import { NO_BYTES, type PartialFrame, prefixed, step } from './frame-splitter.js';

type Split = readonly [PartialFrame, readonly Buffer[]];

const NOTHING: Split = [NO_BYTES, []];

export const framePipe = (pipe: Duplex): Link => {
  // the other process has ended: its end is noticed as the end of the process
  pipe.on('error', () => undefined);
  return {
    send: (frame) => {
      if (pipe.writable) pipe.write(prefixed(frame));
    },
    frame$: fromEvent(pipe, 'data', (chunk: Buffer) => chunk).pipe(
      scan(([rest], chunk) => step(rest, chunk), NOTHING),
      mergeMap(([, frames]) => frames),
      share(),
    ),
    unsentBytes: () => pipe.writableLength,
  };
};
