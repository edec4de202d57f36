/**
 * One rendering for all who ask within its time. `/metrics` asks nobody for a token and costs 0.5 ms, with 10,000 sockets
 * 5, as their descriptors are counted; a stranger's 58 kB/s of requests kept the process busy with nothing else.
 */

/** Time that goes by for each piece of it that a rendering took: at most a 20th of the process goes there. */
const REST = 20;
/** So much of that may be owed: some 100 renderings in a row are each of now, as who looks before and after wants them. */
const CREDIT_MS = 1_000;
/** Beyond it a rendering that was slow by chance would be told for too long. */
const MAX_AGE_MS = 100;

/** No timer: times are compared when somebody asks, so that nothing waits, and who asks seldom gets what is true now. */
export const cachedRender = (
  render: () => Promise<string>,
  now: () => number,
): (() => Promise<Buffer>) => {
  let last: Promise<Buffer> | undefined;
  let goodUntil = Number.NEGATIVE_INFINITY;
  /** When all that was rendered is rested from. */
  let restedAt = Number.NEGATIVE_INFINITY;
  const anew = async (): Promise<Buffer> => {
    const begun = now();
    // encoded once, and no copy for each of those who wait for it
    const text = Buffer.from(await render());
    const done = now();
    restedAt = Math.max(restedAt, done - CREDIT_MS) + REST * (done - begun);
    goodUntil = Math.min(restedAt, done + MAX_AGE_MS);
    return text;
  };
  return () => {
    if (last !== undefined && now() < goodUntil) return last;
    // also for those who ask while it is being rendered
    goodUntil = Number.POSITIVE_INFINITY;
    last = anew().catch((error: unknown) => {
      last = undefined;
      throw error;
    });
    return last;
  };
};
