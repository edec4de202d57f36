/** The workers (`WORKERS`) keep the contract of all brokers: one worker and three, in virtual time. */
import t from 'tap';
import { exchangeWorld } from '../../support/exchange-world.js';
import { virtualClock } from '../../support/virtual-clock.js';
import { draft } from '../../support/watched-bus.js';
import { brokerContract } from '../contract.js';
import type { Cluster } from '../contract/brokers.js';
import { clusterBrokers } from '../contract/cluster-brokers.js';

const cluster = (count: number): Cluster => {
  const clock = virtualClock();
  const { worker } = exchangeWorld(clock);
  const names = Array.from({ length: count }, (_, i) => `worker-${i}`);
  return clusterBrokers(clock, Object.fromEntries(names.map((name) => [name, worker(name).port])));
};

brokerContract(t, { name: 'the broker of workers', cluster, pods: [1, 3] });

t.test(
  'when another worker publishes, then a worker delivers the messages and asks the exchange nothing',
  async (t) => {
    const clock = virtualClock();
    const { worker } = exchangeWorld(clock);
    const [one, two] = [worker('worker-1'), worker('worker-2')];
    const ports = { 'worker-1': one.port, 'worker-2': two.port };
    const [publisher, reader] = clusterBrokers(clock, ports).brokers;
    const offsets: number[] = [];
    reader?.channel('r').subscribe((event) => {
      if (event._tag === 'Published') offsets.push(event.publication.id.offset);
    });
    clock.advance(100);
    const before = two.asked.length;
    for (let i = 0; i < 20; i++) {
      publisher?.publish(draft('r', `"type":"chat","room":"r","text":"${i}"}`)).subscribe();
      clock.advance(10);
    }
    t.strictSame(
      offsets,
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    const questions = two.asked.slice(before).filter((tag) => tag === 'Position' || tag === 'Page');
    t.strictSame(questions, []);
  },
);
