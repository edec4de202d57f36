/**
 * One setting of the configuration: the name of its variable, its default, its form and its text. The groups in `settings/` are
 * made of these, and the schema (`schema.ts`) of the groups.
 */
import type { Format } from './formats.js';

export interface Setting<A> {
  readonly doc: string;
  /** As text or JSON would give it: the format reads defaults too. */
  readonly default: string | number | boolean;
  readonly env: string;
  readonly format: typeof AS_IT_IS;
  readonly read: Format<A>;
  readonly sensitive: boolean;
}

/** Settings by group and key, for names that come from outside. */
export type Settings = Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;

/** The name of the one format that convict is given: it passes every value on. `check.ts` says why. */
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

/** A setting whose value is never shown. A private key may be pasted where a public one belongs, so keys are such, too. */
export const secret = <A>(env: string, read: Format<A>, doc: string): Setting<A> => ({
  ...setting(env, '', read, doc),
  sensitive: true,
});
