/** A hub on a scripted broker, for specs of one connection: its socket is played, in virtual time. */
import type { Config, DeepPartial } from '../../lib/config/index.js';
import type { Hooks } from '../../lib/hooks.js';
import { type HubWorld, hubWorld } from './hub-world.js';
import type { Peer } from './peer.js';
import { type ScriptBroker, scriptBroker } from './script-broker.js';

export type World = HubWorld & { readonly broker: ScriptBroker };

export const RATES = {
  rateLimitPerSecond: 100,
  rateLimitBurst: 200,
  rateLimitBytes: 1_048_576,
} as const;

export const world = (hooks: Hooks = {}, config: DeepPartial<Config> = {}): World =>
  hubWorld({ broker: scriptBroker, hooks, config });

/** A connection that is in the room `r`. */
export const member = (w: World): Peer => {
  const peer = w.connect({ room: 'r', userId: 'alice' });
  w.clock.advance(1_000);
  return peer;
};

/** Chats to the room `r` with the data 0, 1, 2 …, and the ids `k0`, `k1`, `k2` … */
export const frames = (count: number, from = 0): readonly Buffer[] =>
  Array.from({ length: count }, (_, i) =>
    Buffer.from(JSON.stringify({ type: 'chat', room: 'r', data: from + i, id: `k${from + i}` })),
  );

export const upTo = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => i);

/** Whether no connection, no room and no timer is left. */
export const isGone = (w: World): boolean =>
  w.connections.size === 0 && w.occupied().size === 0 && w.clock.pending() === 0;
