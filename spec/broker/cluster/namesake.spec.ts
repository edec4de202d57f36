import t from 'tap';
import { namesakes } from '../../../lib/broker/cluster/namesake.js';
import { virtualClock } from '../../support/virtual-clock.js';

t.test('when another pod has the same name, then its probes show it', async (t) => {
  const clock = virtualClock();
  const isNamesake = namesakes(clock);
  const receive = (life: string, number: number): boolean =>
    isNamesake(Buffer.from(`${life} ${number} ${clock.scheduler.now()}`));
  t.strictSame(
    [1, 2, 3, 4, 5].map((number) => {
      clock.advance(500);
      return receive('x1', number);
    }),
    [false, false, false, true, true],
  );
});

t.test(
  "when probes of the pod's former process come for a moment, then no namesake is reported",
  async (t) => {
    const clock = virtualClock();
    const isNamesake = namesakes(clock);
    const receive = (text: string): boolean => isNamesake(Buffer.from(text));
    t.notOk(receive('old 98 1.5') || receive('old 99 2'));
    clock.advance(20_000);
    t.notOk(
      receive('old 98 1.5') || receive('old 99 2') || receive('old 100 3'),
      'long ago does not count',
    );
    for (let i = 0; i < 100; i++) t.notOk(receive(`life${i} 1 1`), 'many strangers');
    for (const text of ['', 'x', 'x 1', 'x 1 1 1', 'X! 1 1', `${'x'.repeat(9)} 1 1`])
      for (let i = 0; i < 5; i++) t.notOk(receive(text), 'no probe');
  },
);
