/** A refusal on a socket that no response stands for. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { answerSocket } from '../../lib/connection/answer-socket.js';
import { problem } from '../../lib/protocol/problem.js';
import { virtualClock } from '../support/virtual-clock.js';

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
