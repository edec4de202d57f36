/** An error as the answer of a request that reaches no route. */
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import t from 'tap';
import { answerRequest, beginAnswer } from '../../lib/http/answer-request.js';
import { problem } from '../../lib/protocol/problem.js';
import { requestOf } from '../support/requests.js';

const PROBLEM = problem(503, 'no room for another connection', { 'Retry-After': '1' });

/** A response of Node, and the text that its socket would carry. */
const world = () => {
  const chunks: string[] = [];
  const socket = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk.toString());
      done();
    },
  });
  const response = new ServerResponse(requestOf('/'));
  response.assignSocket(socket as unknown as Socket);
  return { response, text: () => chunks.join('') };
};

t.test('when a request reaches no route, then the answer is a problem', async (t) => {
  const { response, text } = world();
  answerRequest(response, PROBLEM);
  t.ok(response.writableEnded);
  const [head = '', body = ''] = text().split('\r\n\r\n');
  t.match(head, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  t.match(head, /\r\nContent-Type: application\/problem\+json/);
  t.match(head, /\r\nRetry-After: 1/);
  t.match(head, new RegExp(`\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`));
  t.same(JSON.parse(body), {
    status: 503,
    title: 'Service Unavailable',
    detail: 'no room for another connection',
  });
});

t.test('when bytes of a body may follow, then the socket closes after the answer', async (t) => {
  const { response, text } = world();
  answerRequest(response, PROBLEM);
  t.match(text(), /\r\nConnection: close\r\n/);
});

t.test('when an answer is begun, then the caller decides when it ends', async (t) => {
  const { response, text } = world();
  beginAnswer(response, PROBLEM);
  await new Promise(setImmediate);
  t.match(text(), /"detail":"no room for another connection"/);
  t.notOk(response.writableEnded);
});
