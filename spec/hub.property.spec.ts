/**
 * The hub and its rooms: for any interleaving, each member gets its room once and in order, and nothing is left.
 */
import fc from 'fast-check';
import t from 'tap';
import type { Broker } from '../lib/broker/index.js';
import { GLOBAL, type Room } from '../lib/protocol/position.js';
import { type HubWorld, hubWorld } from './support/hub-world.js';
import type { Peer } from './support/peer.js';
import { scriptBroker } from './support/script-broker.js';
import { faultsOf, LINGER_MS, local, publish } from './support/hub-checks.js';

type Step =
  | { readonly what: 'connect'; readonly room: number }
  | {
      readonly what: 'join' | 'leave' | 'chat' | 'join and chat';
      readonly who: number;
      readonly room: number;
    }
  | { readonly what: 'go' | 'stall' | 'read' | 'flood'; readonly who: number }
  | { readonly what: 'publish'; readonly room: number; readonly count: number }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'pace'; readonly openMs: number; readonly publishMs: number };

const ROOMS: readonly Room[] = ['a', 'b', 'c', GLOBAL];
const roomAt = (i: number): Room => ROOMS[i % ROOMS.length] ?? GLOBAL;

const who = fc.nat(20);
const room = fc.nat(3);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ what: fc.constant('connect' as const), room: fc.nat(4) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        what: fc.constantFrom(
          'join' as const,
          'leave' as const,
          'chat' as const,
          'chat' as const,
          'join and chat' as const,
        ),
        who,
        room,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constantFrom('go' as const, 'stall' as const, 'read' as const, 'flood' as const),
        who,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant('publish' as const), room, count: fc.nat(30) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        what: fc.constant('wait' as const),
        ms: fc.constantFrom(0, 1, 3, 10, 60, 300, 6_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constant('pace' as const),
        openMs: fc.constantFrom(0, 2, 40),
        publishMs: fc.constantFrom(0, 2, 40),
      }),
    },
  ),
  { maxLength: 80 },
);

const run = (
  world: HubWorld & { readonly broker: Broker },
  all: readonly Step[],
  pace: (openMs: number, publishMs: number) => void,
): readonly Peer[] => {
  const peers: Peer[] = [];
  const one = (i: number): Peer | undefined => peers[i % Math.max(1, peers.length)];
  for (const step of all) {
    switch (step.what) {
      case 'connect':
        peers.push(world.connect(step.room < 3 ? { room: roomAt(step.room) } : {}));
        break;
      case 'join':
        one(step.who)?.join(roomAt(step.room));
        break;
      case 'leave':
        one(step.who)?.leave(roomAt(step.room));
        break;
      case 'chat':
        one(step.who)?.chat(roomAt(step.room), 'said');
        break;
      case 'join and chat':
        one(step.who)?.join(roomAt(step.room));
        one(step.who)?.chat(roomAt(step.room), 'said at once');
        break;
      case 'go':
        one(step.who)?.go();
        break;
      case 'stall':
        one(step.who)?.socket.stall();
        break;
      case 'read':
        one(step.who)?.socket.takeAll();
        break;
      case 'flood':
        // more than it may be owed, for longer than a reader that keeps up needs
        one(step.who)?.socket.stall();
        for (let n = 0; n < 5; n++) {
          for (let i = 0; i < 10; i++) publish(world, GLOBAL, i);
          world.clock.advance(60);
        }
        break;
      case 'publish':
        for (let i = 0; i < step.count; i++) publish(world, roomAt(step.room), i);
        break;
      case 'wait':
        world.clock.advance(step.ms);
        break;
      case 'pace':
        pace(step.openMs, step.publishMs);
        break;
    }
    for (const { connection } of peers) {
      const { messages } = connection.outbox;
      if (messages > world.config.limits.sendBufferMessages)
        throw new Error(`a buffer of ${messages}`);
    }
  }
  return peers;
};

const check = (
  world: HubWorld & { readonly broker: Broker },
  peers: readonly Peer[],
  topOf: (room: Room) => number,
  channels: () => number,
): void => {
  const fail = (why: string): never => {
    throw new Error(why);
  };
  world.clock.advance(1_000);
  for (const peer of peers) peer.socket.takeAll();
  world.clock.advance(10_000);
  for (const peer of peers) {
    const open = !peer.webSocket.ended;
    for (const name of ROOMS) {
      const faults = faultsOf(peer, name, open ? topOf(name) : undefined);
      if (faults.length > 0) fail(faults.join('; '));
    }
    const code = peer.code();
    if (code !== undefined && code !== 1013) fail(`closed with ${code}`);
    const acks = peer
      .errors()
      .filter(({ code }) => code !== 'not_a_member' && code !== 'invalid_room');
    if (acks.length > 0) fail(JSON.stringify(acks));
  }
  const open = peers.filter(({ webSocket }) => !webSocket.ended).length;
  if ((world.occupied().get(GLOBAL) ?? 0) !== open) fail('the global log counts otherwise');
  for (const peer of peers) peer.go();
  world.clock.advance(LINGER_MS + 10_000);
  if (world.clock.pending() !== 0) fail(`${world.clock.pending()} timers are left`);
  if (world.occupied().size !== 0) fail('somebody is still in a room');
  if (world.connections.size !== 0) fail('a connection is left');
  if (channels() !== 0) fail(`${channels()} channels are left`);
  world.shutdown();
  if (!world.hasEnded()) fail('the hub goes on');
};

t.test(
  'when commands interleave in any way over a slow broker, then each member gets its room once and in order',
  async (t) => {
    let slow = 0;
    fc.assert(
      fc.property(steps, fc.integer(), (all, seed) => {
        const world = hubWorld({
          broker: scriptBroker,
          config: { limits: { sendBufferMessages: 32 }, presence: { presenceMaxRoom: 3 } },
          seed,
        });
        const peers = run(world, all, (openMs, publishMs) => {
          world.broker.openMs = openMs;
          world.broker.publishMs = publishMs;
          world.broker.membersMs = openMs;
        });
        slow += peers.filter((peer) => peer.code() === 1013).length;
        check(
          world,
          peers,
          (name) => world.broker.top(name).offset,
          () => world.broker.channels(),
        );
      }),
      { numRuns: 400 },
    );
    t.ok(slow > 0, 'some were too slow');
  },
);

t.test(
  'when commands interleave in any way over the embedded broker, then each member gets its room once and in order',
  async (t) => {
    fc.assert(
      fc.property(steps, fc.integer(), (all, seed) => {
        const placed = new Map<Room, number>();
        const world = hubWorld({ broker: local, seed });
        const peers = run(world, all, () => undefined);
        // the offset of a room is the one that every member without losses has reached
        const tops = ROOMS.map((name): readonly [Room, number] => {
          let top = 0;
          world.broker
            .channel(name)
            .subscribe((event) => {
              if (event._tag === 'Opened') top = event.top.offset;
            })
            .unsubscribe();
          return [name, top];
        });
        for (const [name, top] of tops) placed.set(name, top);
        check(
          world,
          peers,
          (name) => placed.get(name) ?? 0,
          () => 0,
        );
      }),
      { numRuns: 200 },
    );
    t.pass('for any interleaving');
  },
);
