/**
 * The id that a client gives its message: a UUIDv4 (RFC 9562), as the server takes only a UUID for an
 * idempotency key of a client without a token.
 */
export const newRef = (random: () => number): string =>
  'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => ((random() * 16) | 0).toString(16));
