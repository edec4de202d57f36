/** Payloads on the pod's own channel: only a probe that is under way counts, and once. */
import { left, right } from 'fp-ts/lib/Either.js';
import { NEVER, of } from 'rxjs';
import t from 'tap';
import type { RedisPort } from '../../../lib/broker/redis/port.js';
import { healthProbe } from '../../../lib/broker/cluster/health-probe.js';
import { virtualClock } from '../../support/virtual-clock.js';

const stage = () => {
  const clock = virtualClock();
  const texts: string[] = [];
  const bus: Pick<RedisPort, 'probe'> = {
    probe: (text) => {
      texts.push(text);
      return of(right(0));
    },
  };
  const pulse = healthProbe({ redis: bus, clock, timeoutMs: 2_000 });
  const send = (): string => {
    pulse.sendNew$.subscribe();
    return texts.at(-1) ?? '';
  };
  return { clock, pulse, send, take: (text: string) => pulse.take(Buffer.from(text, 'latin1')) };
};

t.test('when a probe comes back, then it counts once, with its round-trip time', async (t) => {
  const { clock, send, take } = stage();
  clock.advance(1_000);
  const [first, second] = [send(), send()];
  clock.advance(250);
  t.match(take(second), { number: 2, sentAt: 1_000, seconds: 0.25 });
  t.equal(take(second), undefined, 'said again by somebody');
  t.match(take(first), { number: 1, sentAt: 1_000, seconds: 0.25 });
});

t.test('when a probe has not the text that was sent, then it does not count', async (t) => {
  const { clock, pulse, send, take } = stage();
  clock.advance(1_000);
  const sent = send();
  const [life = '', number = '', at = ''] = sent.split(' ');
  for (const time of [
    '-Infinity',
    'Infinity',
    '1e999',
    '-1e308',
    '1e308',
    'NaN',
    '',
    '0',
    '999',
    '0x3e8',
  ])
    t.equal(take(`${life} ${number} ${time}`), undefined, time);
  for (const which of ['2', '0', '-1', '1.5', '0.9999999999999999999', ' 1', '1e0', '']) {
    t.equal(take(`${life} ${which} ${at}`), undefined, which);
    t.ok(pulse.isOwn(Buffer.from(`${life} ${which} ${at}`)));
  }
  for (const text of [
    `${sent} `,
    ` ${sent}`,
    `${sent}\n`,
    `${sent} 1`,
    '',
    life,
    sent.slice(0, -1),
  ])
    t.equal(take(text), undefined, text);
  t.notOk(pulse.isOwn(Buffer.from(`x${sent}`)));
  t.match(take(sent), { number: 1, seconds: 0 }, 'the probe itself still is');
});

t.test('when no probe comes back for long, then only the latest ones are remembered', async (t) => {
  const { send, take } = stage();
  const texts = Array.from({ length: 200 }, send);
  t.equal(take(texts[0] ?? ''), undefined);
  t.match(take(texts[199] ?? ''), { number: 200 });
});

t.test('when no probe comes back, then the reason is the result of the last one', async (t) => {
  const clock = virtualClock();
  const oom = left({ _tag: 'OutOfMemory', detail: 'OOM command not allowed' } as const);
  let answer$: ReturnType<RedisPort['probe']> = NEVER;
  const pulse = healthProbe({ redis: { probe: () => answer$ }, clock, timeoutMs: 2_000 });
  const whyAfter = (next$: ReturnType<RedisPort['probe']>, ms: number): string => {
    answer$ = next$;
    pulse.sendNew$.subscribe();
    clock.advance(ms);
    return pulse.whyNotBack();
  };
  t.match(whyAfter(NEVER, 1_300), /^Redis did not answer/);
  t.match(whyAfter(NEVER, 2_000), /^Redis did not answer/, 'its time is over, too');
  t.match(whyAfter(of(right(0)), 0), /^Redis answers, but does not deliver/);
  t.match(whyAfter(NEVER, 1_300), /^Redis did not answer/, 'it did before');
  t.equal(whyAfter(of(oom), 0), 'OOM command not allowed');
});

t.test(
  'when the connection is lost, then the clock of Redis is unknown, and its last difference is kept',
  async (t) => {
    const { clock, pulse, send } = stage();
    clock.advance(1_000);
    t.equal(pulse.lastAhead(), undefined);
    send();
    t.same([pulse.ahead(), pulse.lastAhead()], [-1_000, -1_000]);
    pulse.forget();
    t.same([pulse.ahead(), pulse.lastAhead()], [undefined, -1_000]);
  },
);
