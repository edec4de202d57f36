/** Messages that come to a hub from outside its sockets, and checks of what each member got at the end. */
import { isRight } from 'fp-ts/lib/Either.js';
import { type Test } from 'tap';
import type { Broker } from '../../lib/broker/index.js';
import { localBroker } from '../../lib/broker/local.js';
import { draftOf } from '../../lib/protocol/publication.js';
import type { Config, DeepPartial } from '../../lib/config/index.js';
import { GLOBAL, type Room } from '../../lib/protocol/position.js';
import { type HubWorld, hubWorld } from './hub-world.js';
import type { Peer } from './peer.js';
import { type ScriptBroker, scriptBroker } from './script-broker.js';
import type { VirtualClock } from './virtual-clock.js';
import { idOf } from './ids.js';

export const LINGER_MS = 5_000;

export const local = (clock: VirtualClock): Broker =>
  localBroker({ clock, positionTtlMs: 86_400_000 });

export const scripted = (
  config: DeepPartial<Config> = {},
): HubWorld & { readonly broker: ScriptBroker } => hubWorld({ broker: scriptBroker, config });

export const offsetOf = (id: unknown): number => (id === null ? 0 : idOf(id as string).offset);

/** Publishes a message that comes from no socket. */
export const publish = (
  { broker, clock }: HubWorld & { readonly broker: Broker },
  room: Room,
  data: unknown,
): void => {
  const draft = draftOf({ room, type: 'chat', from: 'api', data, at: clock.wall() });
  if (isRight(draft)) broker.publish(draft.right).subscribe();
};

/**
 * The faults in what a peer got of a room: from the position of `joined` on every message once and in order,
 * until it left. `upTo`: the offset that a member who is still in must have reached.
 */
export const faultsOf = (peer: Peer, room: Room, upTo: number | undefined): readonly string[] => {
  const who = `${peer.connection.id} in "${room}"`;
  const faults: string[] = [];
  let next: number | undefined;
  for (const { id, type, room: of = GLOBAL, data } of peer.received()) {
    const fields = data as {
      readonly event?: string;
      readonly room?: string;
      readonly position?: unknown;
    };
    if (type === 'system' && (fields.room ?? GLOBAL) === room) {
      if (fields.event === 'left') next = undefined;
      if (fields.event === 'joined') {
        const from = offsetOf(fields.position) + 1;
        if (next !== undefined && from > next)
          faults.push(`${who}: joined says ${from}, expected ${next} next`);
        next ??= from;
      }
    }
    if (type !== 'chat' || of !== room) continue;
    const offset = offsetOf(id);
    if (next === undefined) faults.push(`${who}: heard ${offset} as no member`);
    else if (offset !== next) faults.push(`${who}: expected ${next}, heard ${offset}`);
    next = offset + 1;
  }
  if (upTo !== undefined && next !== undefined && next !== upTo + 1)
    faults.push(`${who}: came to ${next - 1} of ${upTo}`);
  return faults;
};

/** Closes all connections, waits until the rooms have ended, and returns what is left. */
export const leftovers = async (
  t: Test,
  world: HubWorld & { readonly broker: Broker },
  peers: readonly Peer[],
): Promise<void> => {
  for (const peer of peers) peer.go();
  world.clock.advance(LINGER_MS + 10_000);
  t.same([...world.occupied()], [], 'nobody is in a room');
  t.equal(world.connections.size, 0, 'no connection');
  t.equal(world.clock.pending(), 0, 'no timer');
};
