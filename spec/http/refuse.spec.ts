/** Refusals of requests, even while their body still arrives. */
import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import t from 'tap';
import { refusing } from '../../lib/http/refuse.js';
import { problem } from '../../lib/protocol/problem.js';
import { virtualClock } from '../support/virtual-clock.js';

const PROBLEM = problem(413, 'too large', { 'Retry-After': '1' });

const world = (headers: Readonly<Record<string, string>>) => {
  const clock = virtualClock();
  const raw = Object.assign(new PassThrough(), { headers });
  /** What the framework was given, and what was written to the response itself. */
  const replied: unknown[] = [];
  const written: unknown[] = [];
  const reply = {
    raw: {
      writeHead: (status: number, own: object) => {
        written.push(status, own);
        return reply.raw;
      },
      write: (body: string) => written.push(JSON.parse(body)),
      end: () => written.push('end'),
    },
    hijack: () => replied.push('hijack'),
    code: (status: number) => {
      replied.push(status);
      return reply;
    },
    headers: (own: object) => {
      replied.push(own);
      return reply;
    },
    send: (body: string) => {
      replied.push(JSON.parse(body));
      return reply;
    },
  };
  const refuse = (): void =>
    void refusing(clock)(
      { raw, headers } as unknown as FastifyRequest,
      reply as unknown as FastifyReply,
      PROBLEM,
      { ids: [] },
    );
  return { clock, raw, replied, written, refuse };
};

const BODY = { 'content-length': '5' };

t.test('when a request has no body, then the framework sends the problem', async (t) => {
  const { replied, written, refuse } = world({});
  refuse();
  t.match(replied, [
    413,
    { 'Content-Type': 'application/problem+json', 'Retry-After': '1' },
    { status: 413, detail: 'too large', ids: [] },
  ]);
  t.same(written, []);
});

t.test('when the body was read, then the framework sends the problem too', async (t) => {
  const { raw, replied, refuse } = world(BODY);
  raw.resume().end('12345');
  await new Promise((resolve) => raw.once('end', resolve));
  refuse();
  t.equal(replied[0], 413);
});

t.test('when the body still arrives, then the answer is written and ends after it', async (t) => {
  for (const headers of [BODY, { 'transfer-encoding': 'chunked' }]) {
    const { clock, raw, replied, written, refuse } = world(headers);
    refuse();
    t.same(replied, ['hijack']);
    t.match(written, [413, { Connection: 'close', 'Retry-After': '1' }, { status: 413 }]);
    raw.end('12345');
    await new Promise((resolve) => raw.once('close', resolve));
    t.equal(written.at(-1), 'end', 'TCP would reset a socket with unread bytes');
    t.equal(clock.pending(), 0);
  }
});

t.test('when the body does not end within a second, then the answer ends', async (t) => {
  const { clock, written, refuse } = world(BODY);
  refuse();
  clock.advance(999);
  t.notOk(written.includes('end'));
  clock.advance(1);
  t.equal(written.at(-1), 'end');
});

t.test('when the client waits for 100 Continue, then its body is not waited for', async (t) => {
  const { clock, written, refuse } = world({ ...BODY, expect: '100-continue' });
  refuse();
  clock.advance(0);
  t.equal(written.at(-1), 'end');
});
