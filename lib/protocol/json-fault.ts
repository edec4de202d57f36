/**
 * Where a text stops being JSON. The message of Node's parser differs between versions, has no position for
 * short texts, and quotes the text with its secrets. The text is read once, with a list instead of
 * recursion, as it may open any number of arrays.
 */

const BLANK = /[\t\n\r ]*/y;
const SCALAR =
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const KEY = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '[': ']' };

/** The end of a match that begins at this offset; −1: there is none. */
const match = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
};

const blank = (text: string, at: number): number => match(BLANK, text, at);

/** The offset at which the text stops being JSON. */
const endOf = (text: string): number => {
  /** What closes each array and object that is open. */
  const open: string[] = [];
  let at = blank(text, 0);
  for (;;) {
    const closing = CLOSING[text[at] ?? ''];
    if (closing !== undefined) {
      open.push(closing);
      at = blank(text, at + 1);
    } else {
      const end = match(SCALAR, text, at);
      if (end === -1) return at;
      at = blank(text, end);
    }
    const isEmpty = closing !== undefined && text[at] === closing;
    if (closing === undefined || isEmpty) {
      while (open.length > 0 && text[at] === open.at(-1)) {
        open.pop();
        at = blank(text, at + 1);
      }
      if (open.length === 0 || text[at] !== ',') return at;
      at = blank(text, at + 1);
    }
    if (open.at(-1) !== '}') continue;
    const end = match(KEY, text, at);
    if (end === -1) return at;
    at = blank(text, end);
    if (text[at] !== ':') return at;
    at = blank(text, at + 1);
  }
};

/** The line and column, from 1, at which a text stops being JSON. */
export const jsonFault = (text: string): { readonly line: number; readonly column: number } => {
  const before = text.slice(0, endOf(text)).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
};

/** Describes a text that is not JSON, for error texts. */
export const notJson = (text: string): string => {
  if (text.trim() === '') return 'nothing';
  const { line, column } = jsonFault(text);
  return `text that is not JSON from line ${line}, column ${column} on`;
};
