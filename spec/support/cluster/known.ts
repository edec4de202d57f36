/**
 * Faults of the service that the cluster has found and that are not yet mended: what reads so is counted and shown, and not
 * failed for. A line goes with its fault; none should be left.
 */
import type { Violation } from '../invariants.js';

interface Known {
  readonly why: string;
  readonly tag: RegExp;
  readonly text: RegExp;
}

const KNOWN: readonly Known[] = [
];

/** They come with faults that keep Redis away: a run without any has no excuse. */
export const knownOf = ({ tag, text }: Violation, climate: string): string | undefined =>
  climate === 'calm'
    ? undefined
    : KNOWN.find((each) => each.tag.test(tag) && each.text.test(text))?.why;
