/** A row of bad input: what is sent, what must come back, by which counters it shows. */
import type { Message } from '../support/client.js';
import type { Doors } from '../support/pod.js';
import type { RawClient } from '../support/raw-client.js';

/** Where a row runs: a pod, and a client that listens there all the time. */
export interface Stage extends Doors {
  /** Its log so far. */
  readonly log: () => string;
  /** A raw socket after its handshake and its `joined` of the room in the path. */
  readonly member: (
    path?: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<RawClient>;
  /** The messages that the listener got and that are not of the publisher. */
  readonly received: () => readonly Message[];
  /** The metrics as they are now. */
  readonly metrics: () => Promise<string>;
  /** Resolves when the listener has got all messages until now, and the next one. */
  readonly settled: () => Promise<void>;
}

export interface Row {
  /** Its number: the letter is the family's. */
  readonly row: string;
  readonly sent: string;
  /** The expected result, in the form in which `play` returns it. */
  readonly due: string | RegExp;
  /** Set where the protocol differs from the list of bad input: the rule that holds. */
  readonly contract?: string;
  /** Which of `realtime_rejected{code}` and `realtime_closes{code}` rise, by how much; no other may. */
  readonly counted?: Counted;
  /** Sends the input, waits for the answer, and resolves with a short form of it. */
  readonly play: (stage: Stage) => Promise<string>;
}

/** `rejected 400`, `closes 1009` and how often. */
export type Counted = Readonly<Record<string, number>>;

/** `{ "rejected 400": 1 }` of `rejected 400`. */
export const once = (...names: readonly string[]): Counted =>
  Object.fromEntries(names.map((name) => [name, 1]));

/** A row that was played. */
export interface Played extends Pick<Row, 'row' | 'sent' | 'due' | 'contract'> {
  readonly answered: string;
  /** What was not as it should be: empty is well. */
  readonly faults: readonly string[];
}

/** The table that the spec prints. */
export const tableOf = (played: readonly Played[]): string => {
  const widths = [4, 62, 100];
  return [
    ['row', 'sent', 'answered'],
    ...played.map(({ row, sent, answered, contract }) => [
      row,
      sent,
      contract === undefined ? answered : `${answered} (contract: ${contract})`,
    ]),
  ]
    .map((cells) =>
      cells
        .map((cell, i) => cell.slice(0, widths[i]).padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** A thing is awaited; where it does not come, that is the answer. */
export const orElse = async <A>(awaited: Promise<A>, otherwise: A): Promise<A> =>
  awaited.catch(() => otherwise);
