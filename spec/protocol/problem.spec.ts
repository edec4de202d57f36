/** Problems of HTTP, as every writer sends them. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { answerSocket, problem, renderProblem } from '../../lib/protocol/problem.js';
import { virtualClock } from '../support/virtual-clock.js';

t.test(
  'when any problem is rendered, then its length is that of its bytes, and no cache keeps it',
  async (t) => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (detail, more) => {
          const { headers, body } = renderProblem(problem(400, detail), more);
          return (
            Number(headers['Content-Length']) === Buffer.byteLength(body) &&
            headers['Cache-Control'] === 'no-store' &&
            typeof JSON.parse(body) === 'object'
          );
        },
      ),
    );
    t.match(JSON.parse(renderProblem(problem(503, 'later'), { ids: ['a'] }).body), {
      status: 503,
      title: 'Service Unavailable',
      detail: 'later',
      ids: ['a'],
    });
    t.match(renderProblem(problem(503, 'later', { 'Retry-After': '1' })).headers, {
      'Retry-After': '1',
      'Content-Type': 'application/problem+json',
    });
  },
);

class PlayedSocket extends EventEmitter {
  sent = '';
  destroyed = false;
  end(text: string): void {
    this.sent += text;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

t.test(
  'when a socket is answered, then it ends; a peer that does not take it is cut after 2 s',
  async (t) => {
    const clock = virtualClock();
    const [slow, quick] = [new PlayedSocket(), new PlayedSocket()];
    for (const socket of [slow, quick])
      answerSocket(socket as unknown as Socket, problem(403, 'no'), clock.scheduler);
    t.match(slow.sent, /^HTTP\/1\.1 403 Forbidden\r\nConnection: close\r\n[\s\S]*\r\n\r\n\{/);
    quick.emit('close');
    clock.advance(1_999);
    t.notOk(slow.destroyed);
    clock.advance(1);
    t.ok(slow.destroyed);
    t.notOk(quick.destroyed);
    t.equal(clock.pending(), 0);
  },
);
