/**
 * Where a text stops being JSON. The message of Node's parser differs between versions, has no position for
 * short texts, and quotes the text with its secrets.
 */

const BLANK = /[\t\n\r ]*/y;
const SCALAR =
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const KEY = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;

/** How far a text is JSON: where the parser stopped, and whether that was the end. */
interface Read {
  readonly at: number;
  readonly isGood: boolean;
}

const match = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
};

const blank = (text: string, at: number): number => match(BLANK, text, at);

const value = (text: string, from: number): Read => {
  const at = blank(text, from);
  const closing = text[at] === '{' ? '}' : text[at] === '[' ? ']' : undefined;
  if (closing !== undefined) return members(text, at + 1, closing);
  const end = match(SCALAR, text, at);
  return end === -1 ? { at, isGood: false } : { at: end, isGood: true };
};

const members = (text: string, from: number, closing: string): Read => {
  let at = blank(text, from);
  if (text[at] === closing) return { at: at + 1, isGood: true };
  for (;;) {
    if (closing === '}') {
      const end = match(KEY, text, at);
      if (end === -1) return { at, isGood: false };
      at = blank(text, end);
      if (text[at] !== ':') return { at, isGood: false };
      at += 1;
    }
    const member = value(text, at);
    if (!member.isGood) return member;
    at = blank(text, member.at);
    if (text[at] === closing) return { at: at + 1, isGood: true };
    if (text[at] !== ',') return { at, isGood: false };
    at = blank(text, at + 1);
  }
};

/** The line and column, from 1, at which a text stops being JSON. */
export const jsonFault = (text: string): { readonly line: number; readonly column: number } => {
  const read = value(text, 0);
  const before = text.slice(0, read.isGood ? blank(text, read.at) : read.at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
};
