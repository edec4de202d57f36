/** The keys behind JWT_JWKS_URL in virtual time: how often they are asked for, and who waits for them. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as E from 'fp-ts/lib/Either.js';
import { lastValueFrom, map, NEVER, type Observable, of, Subject, throwError, timer } from 'rxjs';
import t, { type Test } from 'tap';
import { httpGet } from '../../lib/auth/http-get.js';
import { remoteJwks } from '../../lib/auth/jwks.js';
import { jwkOf, pairFor } from '../support/tokens.js';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.js';

const KEY = pairFor('ES256').publicKey;
const jwks = (...kids: readonly (string | undefined)[]): string =>
  JSON.stringify({ keys: kids.map((kid) => jwkOf(KEY, kid)) });

interface World {
  readonly clock: VirtualClock;
  /** What the server says next. */
  answer$: Observable<string>;
  /** When it was asked. */
  readonly asked: number[];
  readonly failures: string[];
  readonly remarks: string[];
  readonly ended$: Subject<void>;
  /** What came of a wish so far. */
  readonly wish: (kid?: string) => { readonly got: string | undefined };
}

const world = (): World => {
  const clock = virtualClock();
  const made: World = {
    clock,
    answer$: of(jwks('a')),
    asked: [],
    failures: [],
    remarks: [],
    ended$: new Subject(),
    wish: (kid) => {
      const outcome: { got: string | undefined } = { got: undefined };
      keysFor({ alg: 'ES256', kid }).subscribe((found) => {
        outcome.got = E.isLeft(found) ? found.left._tag : `${found.right.length} keys`;
      });
      return outcome;
    },
  };
  const keysFor = remoteJwks({
    clock,
    ended$: made.ended$,
    read: () => {
      made.asked.push(clock.scheduler.now());
      return made.answer$;
    },
    failed: (detail) => made.failures.push(detail),
    remarked: (detail) => made.remarks.push(detail),
  });
  return made;
};

const late = (w: World, ms: number, text: string): Observable<string> =>
  timer(ms, w.clock.scheduler).pipe(map(() => text));

t.test(
  'when several tokens need the keys, then they are fetched once, and not before the first',
  async (t) => {
    const w = world();
    w.clock.advance(10_000);
    t.strictSame(w.asked, []);
    w.answer$ = late(w, 100, jwks('a'));
    const [first, second] = [w.wish('a'), w.wish('a')];
    t.equal(first.got, undefined);
    w.clock.advance(100);
    t.strictSame([first.got, second.got], ['1 keys', '1 keys']);
    t.equal(w.wish('a').got, '1 keys', 'at once from then on');
    t.equal(w.wish().got, '1 keys', 'without a name, any');
    t.equal(w.asked.length, 1);
  },
);

t.test(
  'when a token names an unknown key, then the keys are fetched again, at most once a minute',
  async (t) => {
    const w = world();
    t.equal(w.wish('a').got, '1 keys');
    w.answer$ = of(jwks('a', 'b'));
    for (let i = 0; i < 1_000; i++) t.equal(w.wish(`x${i}`).got, 'Untrusted');
    t.equal(w.asked.length, 1, 'asked a moment ago');
    w.clock.advance(59_000);
    t.equal(w.wish('b').got, 'Untrusted');
    w.clock.advance(1_000);
    t.equal(w.wish('b').got, '1 keys', 'the new one is found');
    t.equal(w.wish('c').got, 'Untrusted');
    t.equal(w.asked.length, 2);
    w.clock.advance(60_000);
    w.answer$ = throwError(() => new Error('refused'));
    t.equal(w.wish('c').got, 'Unavailable', 'nobody can say whether it exists');
    t.equal(w.wish('a').got, '1 keys', 'who is known is not harmed');
    t.equal(w.asked.length, 3);
    for (let i = 0; i < 1_000; i++) t.equal(w.wish(`y${i}`).got, 'Unavailable');
    t.equal(w.asked.length, 3, 'a failure is no reason to be asked more often');
  },
);

t.test(
  'when ten minutes have passed, then the keys are fetched again, and a revoked key verifies nothing',
  async (t) => {
    const w = world();
    w.wish('a');
    w.answer$ = of(jwks('b'));
    w.clock.advance(600_000);
    t.equal(w.wish('a').got, '1 keys');
    w.clock.advance(1);
    t.equal(w.wish('a').got, 'Untrusted');
    t.equal(w.wish('b').got, '1 keys');
    t.equal(w.asked.length, 2);
  },
);

t.test(
  'when the key server does not answer, then the last keys are used for an hour',
  async (t) => {
    const w = world();
    w.wish('a');
    w.answer$ = throwError(() => new Error('refused'));
    for (let minute = 0; minute < 59; minute++) {
      for (let ten = 0; ten < 6; ten++) {
        w.clock.advance(10_000);
        t.equal(w.wish('a').got, '1 keys', `after ${minute} minutes and ${ten * 10} s`);
      }
    }
    t.ok(w.asked.length <= 51, 'asked once a minute, once they were old');
    w.clock.advance(60_001);
    t.equal(w.wish('a').got, 'Unavailable');
    w.answer$ = of(jwks('a'));
    w.clock.advance(60_000);
    t.equal(w.wish('a').got, '1 keys');
    t.ok(w.failures.every((failure) => failure === 'refused'));
  },
);

t.test(
  'when the first request for keys fails, then the next one is sent a second later',
  async (t) => {
    const w = world();
    w.answer$ = throwError(() => new Error('refused'));
    t.equal(w.wish('a').got, 'Unavailable');
    t.equal(w.wish('a').got, 'Unavailable');
    t.equal(w.asked.length, 1);
    w.clock.advance(1_000);
    w.answer$ = of(jwks('a'));
    t.equal(w.wish('a').got, '1 keys');
  },
);

t.test(
  'when the key server does not answer, then the request fails after 5 s; an invalid answer fails at once',
  async (t) => {
    const w = world();
    w.answer$ = NEVER;
    const waiting = w.wish('a');
    w.clock.advance(4_999);
    t.equal(waiting.got, undefined);
    w.clock.advance(1);
    t.equal(waiting.got, 'Unavailable');
    t.match(w.failures, [/^no answer within 5 s: check JWT_JWKS_URL/]);
    for (const text of ['', '<html>', 'null', '[]', '{}', '{"keys":{}}']) {
      w.clock.advance(1_000);
      w.answer$ = of(text);
      t.equal(w.wish('a').got, 'Unavailable', text);
    }
    w.clock.advance(1_000);
    const others = [null, 1, {}, { kty: 'oct', k: 'AAAA' }, { kty: 'EC', crv: 'P-256' }];
    w.answer$ = of(JSON.stringify({ keys: [...others, jwkOf(KEY, 'a')] }));
    t.equal(w.wish('a').got, '1 keys', 'what cannot be used stands beside what can');
    t.equal(w.clock.pending(), 0);
  },
);

t.test(
  'when a JWKS has unsafe keys, then its other keys are used, and the unsafe ones are reported once',
  async (t) => {
    const w = world();
    const good = jwkOf(KEY, 'a');
    const { publicKey: small } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const unsafe = [
      { ...jwkOf(pairFor('RS256').publicKey, 'e1'), e: 'AQ' },
      jwkOf(small, 'x'.repeat(300)),
      { kty: 'OKP', crv: 'Ed25519', kid: 'identity', x: `AQ${'A'.repeat(41)}` },
      jwkOf(pairFor('ES256').privateKey, 'private'),
    ];
    w.answer$ = of(JSON.stringify({ keys: [...unsafe, { kty: 'EC', crv: 'P-384' }, good] }));
    t.equal(w.wish('a').got, '1 keys');
    t.equal(w.remarks.length, 1);
    t.match(
      w.remarks[0],
      /^4 unsafe keys are not used: kid e1: expected .* exponent .* kid x{64}: .*1024 bits/,
    );
    t.ok((w.remarks[0] ?? '').length < 1_000, 'a line of a log');
    for (const hour of [1, 2]) {
      w.clock.advance(3_600_001);
      t.equal(w.wish('a').got, '1 keys', `${hour} hours later`);
    }
    t.equal(w.asked.length, 3);
    t.equal(w.remarks.length, 1, 'the same is not told again');
    w.answer$ = of('{"keys":[{"kty":"EC","crv":"P-384"}]}');
    w.clock.advance(600_001);
    t.equal(w.wish('a').got, 'Untrusted');
    t.match(w.remarks.slice(1), [
      /^none of its 1 keys can be used: publish a public key for RS256/,
    ]);
    w.answer$ = of(JSON.stringify({ keys: [good] }));
    w.clock.advance(600_001);
    t.equal(w.wish('a').got, '1 keys');
    t.equal(w.remarks.length, 2);
  },
);

t.test('when the app ends, then a fetch of keys under way ends too', async (t) => {
  const w = world();
  w.answer$ = NEVER;
  const waiting = w.wish('a');
  w.ended$.next();
  t.equal(waiting.got, 'Unavailable');
  t.equal(w.clock.pending(), 0);
});

// the document

const serve = async (t: Test, listener: RequestListener): Promise<string> => {
  const server = createServer(listener).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
};

t.test(
  'when a JWKS is fetched, then redirects, error pages and endless bodies are refused',
  async (t) => {
    const elsewhere: string[] = [];
    const url = await serve(t, (request, response) => {
      const { url: path = '' } = request;
      if (path === '/keys') response.end('{"keys":[]}');
      else if (path === '/moved') response.writeHead(302, { Location: '/elsewhere' }).end();
      else if (path === '/missing') response.writeHead(404).end('{"keys":[]}');
      else if (path === '/cut') response.write('{"keys"', () => request.socket.destroy());
      else if (path === '/long') for (let i = 0; i < 300; i++) response.write('x'.repeat(1024));
      else elsewhere.push(path);
    });
    const read = (path: string): Promise<string> =>
      lastValueFrom(httpGet(url.replace('/keys', path))).catch((error: unknown) => String(error));
    t.equal(await read('/keys'), '{"keys":[]}');
    t.match(
      await read('/moved'),
      /^Error: expected status 200 \(redirects are not followed\), got 302/,
    );
    t.match(await read('/missing'), /^Error: expected status 200 .*, got 404/);
    t.match(await read('/cut'), /^Error: aborted/);
    t.match(await read('/long'), /^Error: expected at most 262144 bytes/);
    t.strictSame(elsewhere, []);
    t.match(await lastValueFrom(httpGet('http://127.0.0.1:1/')).catch(String), /ECONNREFUSED/);
  },
);
