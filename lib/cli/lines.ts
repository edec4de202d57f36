/** Messages and gaps as lines for a terminal. */
import type { Message } from '../client/index.js';

/**
 * Everything that a terminal takes for more than text (C0, DEL, C1, line ends of Unicode, marks of direction):
 * data of one user cannot write over the lines of another.
 */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const safe = (text: string): string =>
  text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** `2026-01-15T10:30:00.123Z alice {"content":"hi"}`; a type other than `chat` stands before the data. */
export const messageLine = ({ timestamp, from, type, data }: Message): string =>
  safe(`${timestamp} ${from} ${type === 'chat' ? '' : `${type} `}${JSON.stringify(data)}`);

export const gapLine = (reason: string): string =>
  safe(`-- gap (${reason}): messages may be missing here`);
