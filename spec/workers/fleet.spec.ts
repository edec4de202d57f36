/** The fleet with workers that are played: what it starts, what it shares between them, and how it ends. */
import { type Observable, Subject } from 'rxjs';
import t from 'tap';
import { ByteWriter } from '../../lib/broker/exchange/byte-writer.js';
import { readAnswered, writeAsked } from '../../lib/broker/exchange/frame-codec.js';
import type { Answered, Request } from '../../lib/broker/exchange/frames.js';
import { CONTROL_CHANNEL } from '../../lib/broker/redis/port.js';
import { type FleetEvent, fleet } from '../../lib/workers/fleet.js';
import { configWith } from '../support/hub-world.js';
import { virtualClock } from '../support/virtual-clock.js';

interface Played {
  readonly worker: number;
  readonly env: Readonly<Record<string, string>>;
  readonly sent: object[];
  /** What the exchange has sent. */
  readonly answered: Answered[];
  readonly frame$: Subject<unknown>;
  readonly asked$: Subject<Buffer>;
  readonly ended$: Subject<number>;
  isKilled: boolean;
  /** Whether the worker reads what it is sent. */
  reads: boolean;
}

const made = async (over: { readonly redisUrl?: string } = {}) => {
  const clock = virtualClock();
  const workers: Played[] = [];
  const events: FleetEvent[] = [];
  const reload$ = new Subject<void>();
  const stop$ = new Subject<void>();
  const code = fleet({
    config: configWith({
      server: { port: 8_000, serverId: 'service', drainMs: 10_000 },
      broker: { redisUrl: over.redisUrl ?? '' },
    }),
    count: 2,
    clock,
    fork: (worker, env) => {
      const played: Played = {
        worker,
        env,
        sent: [],
        answered: [],
        frame$: new Subject(),
        asked$: new Subject(),
        ended$: new Subject(),
        isKilled: false,
        reads: true,
      };
      workers.push(played);
      const ended$: Observable<number> = played.ended$;
      let unsent = 0;
      return {
        send: (frame) => played.sent.push(frame),
        frame$: played.frame$,
        link: {
          send: (frame) => {
            played.answered.push(...(readAnswered(frame) ?? []));
            if (!played.reads) unsent += frame.length;
          },
          frame$: played.asked$,
          unsentBytes: () => unsent,
        },
        ended$,
        kill: () => {
          played.isKilled = true;
        },
      };
    },
    reload$,
    stop$,
    onEvent: (event) => events.push(event),
  });
  await Promise.resolve();
  const at = (i: number): Played => {
    const played = workers[i];
    if (played === undefined) throw new Error(`no worker ${i}`);
    return played;
  };
  return { clock, workers, events, reload$, stop$, code, at };
};

const asked = (request: Request): Buffer => {
  const writer = new ByteWriter();
  writeAsked(writer, { call: 1, request });
  return writer.take();
};

t.test(
  'when the fleet starts, then each worker has the port and the SERVER_ID of the service',
  async (t) => {
    const { workers } = await made();
    t.strictSame(
      workers.map(({ env }) => env),
      [
        { SERVER_ID: 'service', PORT: '8000' },
        { SERVER_ID: 'service', PORT: '8000' },
      ],
    );
  },
);

t.test('when a worker publishes, then every subscribed worker gets the message', async (t) => {
  const { clock, at } = await made();
  for (const i of [0, 1])
    at(i).asked$.next(asked({ _tag: 'Subscribe', channels: [CONTROL_CHANNEL] }));
  at(0).asked$.next(asked({ _tag: 'Control', text: 'command', kept: undefined }));
  clock.advance(1);
  for (const i of [0, 1])
    t.match(
      at(i).answered.filter(({ _tag }) => _tag === 'Message'),
      [{ channel: CONTROL_CHANNEL, payload: Buffer.from('command') }],
    );
});

t.test(
  'when the configuration has Redis, then the fleet answers no requests for the exchange',
  async (t) => {
    const { clock, at } = await made({ redisUrl: 'redis://127.0.0.1' });
    at(0).asked$.next(asked({ _tag: 'Lease' }));
    clock.advance(1);
    t.strictSame(at(0).answered, []);
  },
);

t.test('when a worker does not read what it is sent, then it is killed at 64 MiB', async (t) => {
  const { clock, at, events } = await made();
  at(0).asked$.next(asked({ _tag: 'Subscribe', channels: [CONTROL_CHANNEL] }));
  clock.advance(1);
  at(0).reads = false;
  const text = 'x'.repeat(8_388_608);
  for (let i = 0; i < 7; i++) {
    at(1).asked$.next(asked({ _tag: 'Control', text, kept: undefined }));
    clock.advance(1);
  }
  t.notOk(at(0).isKilled);
  at(1).asked$.next(asked({ _tag: 'Control', text, kept: undefined }));
  clock.advance(1);
  t.ok(at(0).isKilled);
  t.match(events, [{ _tag: 'Stalled', worker: 1 }]);
});

t.test('when workers fail one after the other, then the waits have backoff', async (t) => {
  const { clock, workers, at } = await made();
  for (const i of [0, 1]) at(i).frame$.next({ _tag: 'Listening', port: 8_000 });
  at(0).ended$.next(1);
  t.equal(workers.length, 2);
  clock.advance(50);
  t.equal(workers.length, 3);
  at(2).ended$.next(1);
  clock.advance(49);
  t.equal(workers.length, 3);
  clock.advance(51);
  t.equal(workers.length, 4);
});

t.test(
  'when the fleet stops, then workers drain, a worker that stays is killed, and the code is its own',
  async (t) => {
    const { clock, stop$, at, code } = await made();
    for (const i of [0, 1]) at(i).frame$.next({ _tag: 'Listening', port: 8_000 });
    stop$.next();
    t.strictSame(at(0).sent, [{ _tag: 'Drain' }]);
    at(0).ended$.next(0);
    clock.advance(14_999);
    t.notOk(at(1).isKilled);
    clock.advance(1);
    t.ok(at(1).isKilled);
    at(1).ended$.next(1);
    t.equal(await code, 1);
  },
);

t.test(
  'when a worker asks for the whole, then it gets the reports of all, and for metrics those of the fleet',
  async (t) => {
    const { at } = await made();
    const about = { _tag: 'Stats', room: undefined };
    at(1).frame$.next({ _tag: 'WholeAsked', question: 9, about });
    const [question] = at(0).sent as readonly { readonly question: number }[];
    for (const i of [0, 1])
      at(i).frame$.next({ _tag: 'Part', question: question?.question, part: `part ${i}` });
    await new Promise(setImmediate);
    t.strictSame(at(1).sent.at(-1), { _tag: 'Whole', question: 9, parts: ['part 0', 'part 1'] });
  },
);
