/** What a worker and the program that started it send each other, besides the exchange's frames. */
import * as t from 'io-ts';

/** What is asked of all workers: their metrics, or their stats (of one room). */
export const About = t.union([
  t.type({ _tag: t.literal('Metrics') }),
  t.type({ _tag: t.literal('Stats'), room: t.union([t.string, t.undefined]) }),
]);
export type About = t.TypeOf<typeof About>;

/** From a worker. */
export const FromWorker = t.union([
  /** It accepts connections on this port. */
  t.type({ _tag: t.literal('Listening'), port: t.number }),
  /** It asks what all workers report. */
  t.type({ _tag: t.literal('WholeAsked'), question: t.number, about: About }),
  /** Its own report. */
  t.type({ _tag: t.literal('Part'), question: t.number, part: t.unknown }),
]);
export type FromWorker = t.TypeOf<typeof FromWorker>;

/** To a worker. */
export const ToWorker = t.union([
  t.type({ _tag: t.literal('Drain') }),
  t.type({ _tag: t.literal('PartAsked'), question: t.number, about: About }),
  /** The reports of all workers that answered in time. */
  t.type({ _tag: t.literal('Whole'), question: t.number, parts: t.array(t.unknown) }),
]);
export type ToWorker = t.TypeOf<typeof ToWorker>;
