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
  {
    why: 'presence is said before the hole, or the epoch, that its place shows is told',
    tag: /^I1$/,
    text: / was shown /,
  },
  {
    why: 'an echo is not said to who joined after it was said on the pod',
    tag: /^I1$/,
    text: / heard \S+: \d+ of .* missing|^in the end at /,
  },
  {
    why: 'who recovered beyond its pod, as the subscriber is behind, hears it again',
    tag: /^I[23]$/,
    text: / again$|, which it had passed$|in no one order/,
  },
];

/** They come with faults that keep Redis away: a run without any has no excuse. */
export const knownOf = ({ tag, text }: Violation, climate: string): string | undefined =>
  climate === 'calm'
    ? undefined
    : KNOWN.find((each) => each.tag.test(tag) && each.text.test(text))?.why;
