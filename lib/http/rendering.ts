/**
 * One rendering for all who ask within its time. `/metrics` asks nobody for a token and costs 0.5 ms, with 10,000 sockets
 * 5, as their descriptors are counted; a stranger's 58 kB/s of requests kept the process busy with nothing else.
 */

/** Time that goes by for each piece of it that a rendering took: at most a 20th of the process goes there. */
const REST = 20;
/** Beyond it a rendering that was slow by chance would be told for too long. */
const MAX_REST_MS = 100;

/** No timer: times are compared when somebody asks, so that nothing waits, and who asks seldom gets what is true now. */
export const shared = (
  render: () => Promise<string>,
  now: () => number,
): (() => Promise<Buffer>) => {
  let last: Promise<Buffer> | undefined;
  let goodUntil = Number.NEGATIVE_INFINITY;
  const anew = async (): Promise<Buffer> => {
    const begun = now();
    // encoded once, and no copy for each of those who wait for it
    const text = Buffer.from(await render());
    const done = now();
    goodUntil = done + Math.min(MAX_REST_MS, REST * (done - begun));
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
