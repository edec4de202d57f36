/** The contract between pods: members, control commands, status, the end. */
import { type Test } from 'tap';
import { type CatchUpsLost, type ControlCommand } from '../../../lib/broker/control-command.js';
import { brokersOf, type Cluster } from './brokers.js';

export const podsContract = (t: Test, build: () => Cluster): void => {
  t.test(
    'when members are asked for, then the count of the other pods is emitted once',
    async (t) => {
      const b = brokersOf(build());
      b.settle();
      const numbers: number[][] = [];
      const completed: boolean[] = [];
      const ask = (pod: number, own: number): void => {
        const at = numbers.push([]) - 1;
        b.brokerAt(pod)
          .members('r', own)
          .subscribe({
            next: (count) => numbers[at]?.push(count),
            complete: () => {
              completed[at] = true;
            },
          });
      };
      for (const pod of b.brokers.keys()) ask(pod, pod + 1);
      b.clock.advance(2_000);
      for (const pod of b.brokers.keys()) ask(pod, pod + 1);
      b.clock.advance(2_000);
      for (const pod of b.brokers.keys()) ask(pod, pod + 1);
      b.clock.advance(2_000);
      t.ok(numbers.every(({ length }) => length === 1));
      t.equal(completed.filter(Boolean).length, numbers.length);
      const total = b.brokers.reduce((sum, _, pod) => sum + pod + 1, 0);
      t.same(
        numbers.slice(-b.brokers.length).map(([others]) => others),
        [...b.brokers.keys()].map((pod) => total - pod - 1),
      );
      for (const pod of b.brokers.keys()) ask(pod, 0);
      b.clock.advance(3_000);
      t.equal(b.retained(), 0);
    },
  );

  t.test(
    'when a control command is sent, then every pod gets it once, the sender too',
    async (t) => {
      const b = brokersOf(build());
      b.settle();
      const received = b.brokers.map((broker) => {
        const commands: (CatchUpsLost | ControlCommand)[] = [];
        const subscription = broker.control$.subscribe((command) => commands.push(command));
        t.teardown(() => subscription.unsubscribe());
        return commands;
      });
      const sent: (CatchUpsLost | ControlCommand)[] = [];
      const answers: unknown[] = [];
      for (const [pod, broker] of b.brokers.entries())
        for (const whom of ['user', 'connection'] as const) {
          const command: ControlCommand = { _tag: 'Disconnect', whom, id: `${whom} "${pod}"` };
          const asked$ = broker.sendControl(command);
          t.equal(received[pod]?.length, sent.length, 'nothing is said before somebody asks');
          sent.push(command);
          asked$.subscribe((answer) => answers.push(answer));
          t.strictSame(received[pod]?.at(-1), command, 'here at once');
          b.settle();
          for (const commands of received) t.strictSame(commands, sent);
          t.match(
            answers,
            Array.from(sent, () => ({ _tag: 'Right' })),
          );
          t.equal(answers.length, sent.length);
        }
    },
  );

  t.test('when status$ is subscribed, then it emits the last status at once', async (t) => {
    const b = brokersOf(build());
    b.settle();
    for (const broker of b.brokers) {
      const seen: string[] = [];
      const listening = broker.status$.subscribe(({ _tag }) => seen.push(_tag));
      t.same(seen, ['Up']);
      listening.unsubscribe();
    }
  });

  t.test('when a broker is closed, then it completes and no timer is left', async (t) => {
    const b = brokersOf(build());
    b.listen('r').subscription.unsubscribe();
    b.publish({ room: 'r' });
    b.settle();
    let completed = 0;
    for (const broker of b.brokers)
      broker.close().subscribe({
        complete: () => {
          completed += 1;
        },
      });
    b.clock.advance(1_000);
    t.equal(completed, b.brokers.length);
    t.equal(b.clock.pending(), 0);
  });
};
