/**
 * Control commands on their channel: which payloads are valid, and what happens when Redis does not accept
 * one.
 */
import fc from 'fast-check';
import { isLeft, right } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { CONTROL_CHANNEL } from '../../../lib/broker/redis/port.js';
import { clusterBroker } from '../../../lib/broker/cluster/cluster-broker.js';
import {
  decodeControlCommand,
  encodeControlCommand,
  isTarget,
  type CatchUpsLost,
  type ControlCommand,
} from '../../../lib/broker/control-command.js';
import { modelBus } from '../../support/model-bus.js';
import { modelRedis } from '../../support/model-redis.js';
import { virtualClock } from '../../support/virtual-clock.js';

const DROP: ControlCommand = { _tag: 'Disconnect', whom: 'user', id: 'alice' };

t.test('when any control command is encoded, then it is decoded unchanged', async (t) => {
  const whom = fc.constantFrom('connection' as const, 'user' as const);
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 255 }).filter(isTarget);
  const longest = '\u{10ffff}'.repeat(255);
  t.ok(isTarget(longest));
  for (const one of [longest, '"'.repeat(255)])
    t.notOk(
      isLeft(decodeControlCommand(Buffer.from(encodeControlCommand({ ...DROP, id: one }, 'me')))),
    );
  fc.assert(
    fc.property(whom, id, fc.string(), (whom, id, by) => {
      const command: ControlCommand = { _tag: 'Disconnect', whom, id };
      t.strictSame(
        decodeControlCommand(Buffer.from(encodeControlCommand(command, by))),
        right({ command, by }),
      );
    }),
    { numRuns: 200 },
  );
});

t.test('when a pod sends a catch-up, then the other pods decode the same command', async (t) => {
  const command: ControlCommand = {
    _tag: 'CatchUp',
    pod: 'p',
    room: 'r',
    tag: 7,
    from: 1,
    until: null,
    since: 1_700_000_000_000,
  };
  const read = (fields: object): boolean =>
    !isLeft(
      decodeControlCommand(
        Buffer.from(JSON.stringify({ type: 'catch_up', ...command, ...fields })),
      ),
    );
  t.strictSame(
    decodeControlCommand(Buffer.from(encodeControlCommand(command, 'me'))),
    right({ command, by: 'me' }),
  );
  for (const bad of [{ room: 'a b' }, { tag: 4_095 }, { from: -1 }, { until: 0.5 }, { pod: '' }])
    t.notOk(read(bad), JSON.stringify(bad));
});

t.test(
  'when any payload comes on the control channel, then it is decoded, or dropped with a reason',
  async (t) => {
    const shape = fc.record(
      {
        type: fc.constantFrom('disconnect', 'forbid', 1, null),
        connection: fc.oneof(fc.string(), fc.jsonValue()),
        user: fc.oneof(fc.string(), fc.jsonValue()),
        by: fc.jsonValue(),
        __proto__: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
          fc.oneof(shape, fc.jsonValue()).map((value) => Buffer.from(JSON.stringify(value))),
        ),
        (payload) => {
          const read = decodeControlCommand(payload);
          return isLeft(read)
            ? /^control: (expected|write|a) \S/.test(read.left)
            : read.right.command._tag === 'Disconnect' && isTarget(read.right.command.id);
        },
      ),
      { numRuns: 1_000 },
    );
    t.pass('for any bytes');
  },
);

const cluster = () => {
  const clock = virtualClock();
  const redis = modelRedis(clock);
  const pods = ['a', 'b'].map((serverId) => {
    const bus = modelBus(redis, clock, serverId);
    const broker = clusterBroker({ redis: bus, clock, serverId, timeoutMs: 2_000 });
    const received: (ControlCommand | CatchUpsLost)[] = [];
    const dropped: string[] = [];
    broker.control$.subscribe((command) => received.push(command));
    broker.event$.subscribe((event) => {
      if (event._tag === 'PayloadDropped') dropped.push(event.detail);
    });
    return { bus, broker, received, dropped };
  });
  clock.advance(1_000);
  const [a, b] = pods;
  if (a === undefined || b === undefined) throw new Error('expected two pods');
  const send = (command: ControlCommand): string[] => {
    const answers: string[] = [];
    a.broker.sendControl(command).subscribe((answer) => answers.push(answer._tag));
    return answers;
  };
  return { clock, redis, a, b, send };
};

t.test(
  'when Redis refuses a control command, then this pod applies it, and the answer is a failure in time',
  async (t) => {
    for (const fault of ['crash', 'freeze', 'refuse'] as const) {
      const { clock, redis, a, b, send } = cluster();
      if (fault === 'refuse') redis.refuse('NoPermission');
      else redis[fault]();
      const answers = send(DROP);
      t.strictSame(a.received, [DROP], `${fault}: here at once`);
      clock.advance(2_000);
      t.strictSame([answers, b.received], [['Left'], []], fault);
    }
  },
);

t.test(
  'when a pod does not receive its own control commands, then it applies them once all the same',
  async (t) => {
    const { clock, a, b, send } = cluster();
    a.bus.deafen(true);
    const answers = send(DROP);
    clock.advance(100);
    t.strictSame([answers, a.received, b.received], [['Right'], [DROP], [DROP]]);
    a.bus.deafen(false);
    a.bus.cut();
    clock.advance(5_000);
    t.strictSame(send({ ...DROP, whom: 'connection' }).length, 0);
    clock.advance(100);
    t.equal(a.received.length, 2);
    t.equal(b.received.length, 2);
  },
);

t.test(
  'when a payload is no control command, then all pods drop and count it, and go on',
  async (t) => {
    const { clock, redis, a, b, send } = cluster();
    for (const text of ['{"type":"disconnect"}', 'x', ''])
      redis.send(CONTROL_CHANNEL, Buffer.from(text));
    clock.advance(100);
    t.strictSame([a.dropped.length, b.dropped.length], [3, 3]);
    t.strictSame([a.received, b.received], [[], []]);
    redis.send(CONTROL_CHANNEL, Buffer.from('{"type":"disconnect","user":"alice"}'));
    send(DROP);
    clock.advance(100);
    t.strictSame([a.received.length, b.received.length], [2, 2], "another program's, and ours");
  },
);
