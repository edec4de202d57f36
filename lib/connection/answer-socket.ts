/** Answers with an error on a socket that has no HTTP response: an upgrade, or bytes that are no request. */
import type { Socket } from 'node:net';
import type { SchedulerLike } from 'rxjs';
import { type Problem, renderProblem } from '../protocol/problem.js';

/** A socket that is not closed within this time is destroyed. */
const PATIENCE_MS = 2_000;

export const answerSocket = (socket: Socket, problem: Problem, scheduler: SchedulerLike): void => {
  const { headers, body } = renderProblem(problem);
  const lines = Object.entries({ Connection: 'close', ...headers });
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${text.join('')}\r\n${body}`);
  // not the socket's own timeout, which starts again with each byte: a peer that goes on sending must be
  // disconnected too
  const patience = scheduler.schedule(() => socket.destroy(), PATIENCE_MS);
  socket.once('close', () => patience.unsubscribe());
};
