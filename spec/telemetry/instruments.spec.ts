/** Instruments by the rules of the service: each counter has its own name and one with `_total`. */
import t from 'tap';
import { instruments } from '../../lib/telemetry/instruments.js';

t.test(
  'when a counter is made, then a second name ends in _total and has the same value',
  async (t) => {
    const { registry, counter, labelled, counterOf } = instruments();
    let now = 3;
    counter('a_things', 'Things').inc(2);
    labelled('b_things', 'Things by kind', 'kind').inc({ kind: 'red' });
    counterOf('c_things', 'Things that are counted elsewhere', () => now);
    const lines = async () => (await registry.metrics()).split('\n');
    const first = await lines();
    for (const line of ['a_things 2', 'a_things_total 2', 'c_things 3', 'c_things_total 3'])
      t.ok(first.includes(line), line);
    for (const line of ['b_things{kind="red"} 1', 'b_things_total{kind="red"} 1'])
      t.ok(first.includes(line), line);
    now = 5;
    t.ok((await lines()).includes('c_things_total 5'), 'read at each scrape');
  },
);

t.test('when a gauge is read at each scrape, then it has the value of that moment', async (t) => {
  const { registry, gauge, gaugeOf } = instruments();
  let peak = 7;
  gaugeOf('peak', 'The most since the last scrape', () => {
    const now = peak;
    peak = 0;
    return now;
  });
  gauge('open', 'Open now').set(4);
  const lines = (await registry.metrics()).split('\n');
  t.ok(lines.includes('peak 7'));
  t.ok(lines.includes('open 4'));
  t.ok((await registry.metrics()).includes('\npeak 0\n'));
});
