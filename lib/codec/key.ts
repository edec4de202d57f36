/**
 * Idempotency keys (contract section 1): what a client's `id` stands for in a room. Nobody's key can be another's, so the
 * name in front of the colon holds none, and no user is called like the two that are no users.
 */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Hexadecimal digits have no case: a UUID is the same key in capitals. Of other texts each is its own. */
export const sameKey = (ref: string): string => (UUID.test(ref) ? ref.toLowerCase() : ref);

/** A user's own key; of those who are not known only a UUID is one, as they share the room's. */
export const keyOf = (userId: string | null, ref: string | undefined): string | undefined => {
  if (ref === undefined) return undefined;
  if (userId !== null) return `${nameOf(userId)}:${sameKey(ref)}`;
  return UUID.test(ref) ? `:${sameKey(ref)}` : undefined;
};

/** The key of a program that is no user: any text is one, as they know of each other. */
export const programKeyOf = (ref: string | undefined): string | undefined =>
  ref === undefined ? undefined : `%:${sameKey(ref)}`;

/** `%25` and `%3A` are the only escapes, so `%` alone is nobody. */
const nameOf = (userId: string): string =>
  userId.replaceAll(/[%:]/g, (character) => encodeURIComponent(character));
