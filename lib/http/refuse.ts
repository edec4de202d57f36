/** Refuses a request with a problem (RFC 9457), even while its body still arrives. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.js';
import { type Problem, renderProblem } from '../protocol/problem.js';
import { beginAnswer } from './answer-request.js';

/** Answers with a problem; `more` are extension members (RFC 9457 §3.2). */
export type Refuse = (
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
  more?: Readonly<Record<string, unknown>>,
) => FastifyReply;

/** How long an unwanted body is still read at most. */
const LINGER_MS = 1_000;

export const refusing =
  ({ scheduler }: Clock): Refuse =>
  (request, reply, problem, more) => {
    const { raw } = request;
    if (!hasBody(request) || raw.readableEnded) {
      const { headers, body } = renderProblem(problem, more);
      return reply.code(problem.status).headers(headers).send(body);
    }
    // when a socket is closed with unread bytes, TCP resets it and the answer is lost. So the body is read
    // before the answer is ended
    reply.hijack();
    beginAnswer(reply.raw, problem);
    const end = (): void => void reply.raw.end();
    const cut = scheduler.schedule(end, raw.headers.expect === undefined ? LINGER_MS : 0);
    raw.once('close', () => {
      cut.unsubscribe();
      end();
    });
    raw.resume();
    return reply;
  };

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined;
