/**
 * Node's error about several addresses has no text of its own: the error of the first address is returned in
 * its place.
 */
export const firstError = (error: Error): Error => {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first : error;
};
