/** The time in the query of a history: RFC 3339, or Unix ms as a whole number. */

/** An id has 48 bits for its ms. */
export const MAX_MS = 2 ** 48 - 1;

const WHOLE = /^\d{1,15}$/;
const RFC3339 =
  /^(\d{4}-\d\d-\d\d)T((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

/** Unix ms, rounded up, and not below 0; undefined when the text is no time. */
export const timeIn = (text: string): number | undefined => {
  if (WHOLE.test(text)) return Number(text) <= MAX_MS ? Number(text) : undefined;
  const [, date = '', minute = '', second = '', fraction = '', zone = ''] =
    RFC3339.exec(text) ?? [];
  if (date === '' || !isDate(date)) return undefined;
  // a leap second is the first one of the next minute
  const start = Date.parse(`${date}T${minute}:00${zone.toUpperCase()}`) + Number(second) * 1_000;
  const part = Number(fraction.slice(0, 3).padEnd(3, '0'));
  return Math.max(0, start + part + (/[1-9]/.test(fraction.slice(3)) ? 1 : 0));
};

/** `Date` takes 30 February for 2 March. */
const isDate = (date: string): boolean => {
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
};
