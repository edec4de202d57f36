/** A refusal as the answer of a request. The socket closes behind it: what follows may be the body. */
import type { ServerResponse } from 'node:http';
import { type Problem, renderProblem } from '../protocol/problem.js';

/** Answers a request that no route sees. */
export const answerRequest = (response: ServerResponse, problem: Problem): void => {
  beginAnswer(response, problem);
  response.end();
};

/** Writes all of the answer, and leaves its end, which closes the socket, to whoever still reads from it. */
export const beginAnswer = (response: ServerResponse, problem: Problem): void => {
  const { headers, body } = renderProblem(problem);
  response.writeHead(problem.status, { Connection: 'close', ...headers }).write(body);
};
