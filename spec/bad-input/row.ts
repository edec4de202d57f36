/** A row of bad input: what is sent, what must come back, by which counters it shows. */
import type { Stage } from './stage.js';

export interface Row {
  /** Its number: the letter is the family's. */
  readonly row: string;
  readonly sent: string;
  /** What must come back, in the words in which `play` tells it. */
  readonly due: string | RegExp;
  /** Where the contract says otherwise than the list of bad input: what of it holds. */
  readonly contract?: string;
  /** Which of `realtime_rejected{code}` and `realtime_closes{code}` rise, by how much; no other may. */
  readonly counted?: Counted;
  /** Sends it, waits for the answer, and says in a few words what came. */
  readonly play: (stage: Stage) => Promise<string>;
}

/** `rejected 400`, `closes 1009` and how often. */
export type Counted = Readonly<Record<string, number>>;

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
