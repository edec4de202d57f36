/**
 * The schema: every setting once. The type of a configuration, the keys of files, the names of variables and
 * `.env.example` follow from it.
 */
import type { Setting } from './setting.js';
import { access } from './settings/auth.js';
import { broker } from './settings/broker.js';
import { log } from './settings/history.js';
import { limits } from './settings/limits.js';
import { presence } from './settings/presence.js';
import { server } from './settings/server.js';

export const SCHEMA = { server, access, limits, broker, log, presence };

/** The values that the settings of a schema read. */
type ConfigOf<S> = {
  readonly [G in keyof S]: {
    readonly [K in keyof S[G]]: S[G][K] extends Setting<infer A> ? A : never;
  };
};

/**
 * A checked configuration, frozen: groups of values. Each value has a variable, which `.env.example`
 * explains.
 */
export type Config = ConfigOf<typeof SCHEMA>;

/** The valid part of a configuration: wrong values are missing. */
export type PartialConfig = {
  readonly [G in keyof Config]: { readonly [K in keyof Config[G]]?: Config[G][K] };
};
