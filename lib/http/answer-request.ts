/**
 * An error as the answer of a request. The socket is closed after the answer, as the bytes that follow may be
 * the request's body.
 */
import type { ServerResponse } from 'node:http';
import { type Problem, renderProblem } from '../protocol/problem.js';

/** Answers a request that reaches no route. */
export const answerRequest = (response: ServerResponse, problem: Problem): void => {
  beginAnswer(response, problem);
  response.end();
};

/**
 * Writes the answer without ending it. The end closes the socket, so the caller decides when it has read
 * enough.
 */
export const beginAnswer = (response: ServerResponse, problem: Problem): void => {
  const { headers, body } = renderProblem(problem);
  response.writeHead(problem.status, { Connection: 'close', ...headers }).write(body);
};
