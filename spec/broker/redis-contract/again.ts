/**
 * The answer to a call that is sent again, on each kind of Redis and on the model of one. Nothing of it is
 * done twice, and a first try that arrives last does nothing.
 */
import type { Test } from 'tap';
import type { Again, RedisPort, Outcome } from '../../../lib/broker/redis/port.js';
import type { Draft } from '../../../lib/protocol/publication.js';
import type { Room } from '../../../lib/protocol/position.js';
import { draft, left, right } from '../../support/watched-bus.js';
import { keyIn } from '../../support/keys.js';

export interface AgainKind {
  /** In the bus' own Redis: the log keeps so many. */
  readonly open: (logMessages: number) => Promise<RedisPort>;
  /** Redis's clock, or near it. */
  readonly now: () => number;
  readonly close: (bus: RedisPort) => Promise<void>;
}

const NOON = '2026-01-01T12:00:00.000Z';
const TAG = 77;
const NOWHERE = { tag: 0, offset: 0 } as const;

export const asksAgain = async (
  test: Test,
  name: string,
  { open, now, close }: AgainKind,
): Promise<void> => {
  let calls = 0;
  let nonce = 100;
  /** What was said in a room, in order. */
  const entries = async (bus: RedisPort, room: Room): Promise<readonly string[]> =>
    (await right(bus.page(room, 1, 1_000, TAG))).entries.map(({ payload }) => payload.toString());

  interface Asking {
    readonly first: () => Promise<readonly Outcome[]>;
    readonly again: () => Promise<readonly Outcome[]>;
    readonly refused: () => Promise<string>;
    readonly late: () => Promise<string>;
  }
  const call = (
    bus: RedisPort,
    room: Room,
    drafts: readonly Draft[],
    base: Pick<Again, 'tag' | 'offset'> = NOWHERE,
  ): Asking => {
    const id = `c${name}-${++calls}`;
    const nonces = drafts.map(() => ++nonce);
    const again: Again = { sinceMs: now() - 1_000, ...base };
    const deadline = (): number => now() + 2_000;
    return {
      first: () => right(bus.publish(room, drafts, nonces, TAG, deadline(), { id })),
      again: () => right(bus.publish(room, drafts, nonces, TAG, deadline(), { id, again })),
      refused: () => left(bus.publish(room, drafts, nonces, TAG, deadline(), { id, again })),
      late: () => left(bus.publish(room, drafts, nonces, TAG, deadline(), { id })),
    };
  };
  const text = (room: Room, data: string, over?: Partial<Draft>): Draft =>
    draft(
      room,
      `"type":"chat","room":"${room}","from":"a","data":"${data}","timestamp":"${NOON}"}`,
      over,
    );
  const others = async (bus: RedisPort, room: Room, count: number): Promise<void> => {
    for (let i = 0; i < count; i += 64)
      await call(
        bus,
        room,
        Array.from({ length: Math.min(64, count - i) }, (_, j) => text(room, `other ${i + j}`)),
      ).first();
  };

  await test.test(
    `${name}: when a call that ran comes again, then it has the same answer and is not published again`,
    async (t) => {
      const bus = await open(1_000);
      await others(bus, 'ran', 3);
      const publishing = call(bus, 'ran', [
        text('ran', 'a'),
        text('ran', 'a'),
        text('ran', 'key', { key: keyIn('k'), digest: 'D' }),
        text('ran', 'key', { key: keyIn('k'), digest: 'D' }),
        text('ran', 'key', { key: keyIn('k'), digest: 'E' }),
      ]);
      const outcomes = await publishing.first();
      t.same(
        outcomes.map(({ _tag }) => _tag),
        ['Placed', 'Placed', 'Placed', 'Duplicate', 'KeyReused'],
      );
      await others(bus, 'ran', 100);
      const before = await entries(bus, 'ran');
      t.same(await publishing.again(), outcomes);
      t.same(await publishing.again(), outcomes, 'however often');
      t.same(await entries(bus, 'ran'), before);
      await close(bus);
    },
  );

  await test.test(
    `${name}: when a call did not run, then its second try runs, and the first is refused when it comes`,
    async (t) => {
      const bus = await open(1_000);
      await others(bus, 'not', 3);
      const publishing = call(bus, 'not', [text('not', 'a'), text('not', 'b')]);
      const other = call(bus, 'not', [text('not', 'c')]);
      const outcomes = await publishing.again();
      await other.again();
      t.same(
        outcomes.map(({ _tag }) => _tag),
        ['Placed', 'Placed'],
      );
      t.equal(await publishing.late(), 'Late');
      t.equal(await other.late(), 'Late', 'of each call');
      t.same(await publishing.again(), outcomes);
      t.same(
        (await entries(bus, 'not')).slice(3).map((payload) => /"data":"(.)"/.exec(payload)?.[1]),
        ['a', 'b', 'c'],
      );
      t.equal(
        (await call(bus, 'not', [text('not', 'd')]).first())[0]?._tag,
        'Placed',
        'and others go on',
      );
      await close(bus);
    },
  );

  await test.test(
    `${name}: when another message has the same 20 bits, then it is not taken for the message of the call`,
    async (t) => {
      const bus = await open(1_000);
      const publishing = call(bus, 'bits', [text('bits', 'ours')]);
      nonce -= 1;
      await call(bus, 'bits', [text('bits', 'theirs')]).first();
      await publishing.again();
      t.equal((await entries(bus, 'bits')).length, 2);
      await close(bus);
    },
  );

  await test.test(
    `${name}: when a call comes again after its deadline, then it is late, or its messages are found`,
    async (t) => {
      const bus = await open(1_000);
      const ran = [text('dead', 'a')];
      const id = `c${name}-dead`;
      const again: Again = { sinceMs: now() - 1_000, ...NOWHERE };
      const outcomes = await right(bus.publish('dead', ran, [7], TAG, now() + 2_000, { id }));
      t.same(await right(bus.publish('dead', ran, [7], TAG, now() - 5, { id, again })), outcomes);
      t.equal(
        await left(bus.publish('dead', ran, [8], TAG, now() - 5, { id: `${id}-2`, again })),
        'Late',
      );
      await close(bus);
    },
  );

  for (const logMessages of [0, 1, 12]) {
    await test.test(
      `${name}: when the log keeps ${logMessages}, then a call that ran is found, also when it is not logged`,
      async (t) => {
        const room = `few-${logMessages}`;
        const bus = await open(logMessages);
        const publishing = call(bus, room, [text(room, 'a'), text(room, 'b', { logged: false })]);
        const outcomes = await publishing.first();
        await others(bus, room, 20);
        const top = await right(bus.top(room, TAG));
        t.same(await publishing.again(), outcomes);
        t.same(await right(bus.top(room, TAG)), top, 'nothing was said');
        const unsaid = call(bus, room, [text(room, 'c')]);
        await unsaid.again();
        t.equal(await unsaid.late(), 'Late');
        t.equal((await right(bus.top(room, TAG))).offset, top.offset + 1, 'said once');
        await close(bus);
      },
    );
  }

  await test.test(
    `${name}: when presence was published, then a second try finds it and does not publish it again`,
    async (t) => {
      const bus = await open(1_000);
      const publishing = call(bus, 'presence', [text('presence', 'here', { logged: false })]);
      const outcomes = await publishing.first();
      t.same(await publishing.again(), outcomes);
      await close(bus);
    },
  );

  await test.test(
    `${name}: when the log is too short to show whether a call ran, then the answer says so, except for keys`,
    async (t) => {
      const bus = await open(1_000);
      const publishing = call(bus, 'much', [text('much', 'a')]);
      const keyed = call(bus, 'much', [text('much', 'k', { key: keyIn('K'), digest: 'D' })]);
      const unsaid = call(bus, 'much', [text('much', 'l', { key: keyIn('L'), digest: 'D' })]);
      await publishing.first();
      const outcomes = await keyed.first();
      await others(bus, 'much', 1_100);
      const top = await right(bus.top('much', TAG));
      t.equal(await publishing.refused(), 'Untold');
      t.same(await keyed.again(), outcomes);
      t.same(await right(bus.top('much', TAG)), top, 'nothing was said');
      t.equal((await unsaid.again())[0]?._tag, 'Placed');
      const known = call(bus, 'much', [text('much', 'b')], { tag: TAG, offset: top.offset + 1 });
      t.equal((await known.again())[0]?._tag, 'Placed', 'where the pod knows how far the log was');
      await close(bus);
    },
  );
};
