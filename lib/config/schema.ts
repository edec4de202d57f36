/**
 * The schema: every setting once. The type of a configuration follows from it, and so do the keys of files, the names of
 * variables and `.env.example`.
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

/** A checked configuration, frozen: groups of values. Each has a variable in `.env.example`, where it is explained. */
export type Config = ConfigOf<typeof SCHEMA>;

/** What could be read of a configuration: a value is missing where it is wrong. */
export type PartialConfig = {
  readonly [G in keyof Config]: { readonly [K in keyof Config[G]]?: Config[G][K] };
};
