/**
 * One setting of the configuration: the name of its variable, its default, its format and its description.
 * The groups in `settings/` consist of settings, and the schema (`schema.ts`) consists of the groups.
 */
import type { Format } from './formats.js';

export interface Setting<A> {
  readonly doc: string;
  /** In the form of text or JSON: the format reads the default too. */
  readonly default: string | number | boolean;
  readonly env: string;
  readonly format: typeof AS_IT_IS;
  readonly read: Format<A>;
  readonly sensitive: boolean;
}

/** Settings by group and key, for names that come from outside. */
export type Settings = Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;

/** The name of the one format that is given to convict: it changes no value. `check.ts` says why. */
export const AS_IT_IS = 'chat-api';

export const setting = <A>(
  env: string,
  fallback: string | number | boolean,
  read: Format<A>,
  doc: string,
): Setting<A> => ({
  doc,
  default: fallback,
  env,
  format: AS_IT_IS,
  read,
  sensitive: false,
});

/**
 * A setting whose value is never shown. Public keys count too, as an operator may paste a private key by
 * mistake.
 */
export const secret = <A>(env: string, read: Format<A>, doc: string): Setting<A> => ({
  ...setting(env, '', read, doc),
  sensitive: true,
});
