/** Recovery: nothing missing, nothing twice, or a gap, for any interleaving. */
import { isSome } from 'fp-ts/lib/Option.js';
import fc from 'fast-check';
import t from 'tap';
import { parseId } from '../../../lib/protocol/position.js';
import { hubWorld } from '../../support/hub-world.js';
import type { ReceivedMessage, Peer } from '../../support/peer.js';
import { slowLog } from '../../support/recovery-world.js';

type Step =
  | { readonly _tag: 'publish'; readonly times: number }
  | { readonly _tag: 'go' | 'back' | 'stall' | 'take' | 'again'; readonly who: number }
  | { readonly _tag: 'wait'; readonly ms: number };

const WHO = 3;
const who = fc.nat(WHO - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant('publish' as const),
      times: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 300 })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constantFrom(
        'go' as const,
        'back' as const,
        'stall' as const,
        'take' as const,
        'again' as const,
      ),
      who,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      _tag: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(4), fc.nat(100), fc.nat(10_000)),
    }),
  },
);

interface Reader {
  peer: Peer | undefined;
  /** All messages of the room that it got, on all its connections. */
  readonly received: ReceivedMessage[];
  seen: number;
  /** Where it asked to go on. */
  asked: string | undefined;
}

/** Offsets without holes from connection to connection, unless a gap came; no id twice. */
const faultsOf = (received: readonly ReceivedMessage[]): readonly string[] => {
  const faults: string[] = [];
  const ids = new Set<string>();
  let last: number | undefined;
  for (const { id, type, data } of received) {
    const event = (data as { readonly event?: string } | undefined)?.event;
    if (type === 'system' && event === 'gap') last = undefined;
    if (type !== 'chat') continue;
    const at = parseId(id);
    if (!isSome(at)) continue;
    if (ids.has(id)) faults.push(`${at.value.offset} twice`);
    ids.add(id);
    if (last !== undefined && at.value.offset !== last + 1)
      faults.push(`after ${last} came ${at.value.offset}`);
    last = at.value.offset;
  }
  return faults;
};

t.test(
  'when readers come, stall and go, then no message is missing without a gap, and none comes twice',
  async (t) => {
    for (const [logMessages, channelMs] of [
      [1_000_000, 0],
      [1_000_000, 20],
      [150, 0],
    ] as const) {
      fc.assert(
        fc.property(fc.array(step, { minLength: 3, maxLength: 50 }), fc.nat(), (steps, seed) => {
          const w = hubWorld({ broker: slowLog({ count: 0 }, logMessages, channelMs), seed });
          const speaker = w.connect({ room: 'r' });
          const readers: Reader[] = [];
          let sent = 0;
          const listen = (reader: Reader): void => {
            const all =
              reader.peer
                ?.received()
                .filter(
                  ({ room, type, data }) =>
                    (room === 'r' && type === 'chat') ||
                    (data as { readonly room?: string }).room === 'r',
                ) ?? [];
            reader.received.push(...all.slice(reader.seen));
            reader.seen = all.length;
          };
          const open = (reader: Reader, lastId: string | undefined): void => {
            reader.peer = w.connect({ room: 'r', ...(lastId === undefined ? {} : { lastId }) });
            reader.seen = 0;
          };
          const close = (reader: Reader): void => {
            reader.peer?.socket.takeAll();
            listen(reader);
            reader.peer?.go();
            reader.peer = undefined;
          };
          w.clock.advance(10);
          for (let i = 0; i < WHO; i++) {
            readers.push({ peer: undefined, received: [], seen: 0, asked: undefined });
            open(readers[i] as Reader, undefined);
          }
          w.clock.advance(10);
          for (const one of steps) {
            const reader = 'who' in one ? readers[one.who] : undefined;
            switch (one._tag) {
              case 'publish':
                for (let i = 0; i < one.times; i++) speaker.chat('r', sent++);
                break;
              case 'wait':
                w.clock.advance(one.ms);
                break;
              case 'go':
                if (reader !== undefined) close(reader);
                break;
              case 'back':
                if (reader === undefined) break;
                close(reader);
                open(reader, reader.received.at(-1)?.id);
                break;
              case 'stall':
                reader?.peer?.socket.stall();
                break;
              case 'take':
                reader?.peer?.socket.takeSome();
                break;
              case 'again':
                reader?.peer?.socket.takeAll();
            }
          }
          for (const reader of readers) {
            close(reader);
            open(reader, reader.received.at(-1)?.id);
          }
          w.clock.advance(5_000);
          speaker.chat('r', 'last');
          w.clock.advance(5_000);
          for (const reader of readers) {
            listen(reader);
            const faults = [...faultsOf(reader.received)];
            if (!reader.received.some(({ data }) => data === 'last')) faults.push('is not live');
            const gaps = reader.received.filter(
              ({ type, data }) =>
                type === 'system' && (data as { readonly event?: string }).event === 'gap',
            );
            if (logMessages > 1_000 && gaps.length > 0)
              faults.push(`undue: ${JSON.stringify(gaps[0]?.data)}`);
            if (faults.length > 0) throw new Error(faults.join('; '));
          }
        }),
        {
          numRuns: Number(process.env['RECOVERY_RUNS'] ?? 200),
          seed: Number(process.env['RECOVERY_SEED'] ?? 1),
        },
      );
    }
    t.pass('for any interleaving');
  },
);
