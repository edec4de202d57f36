/**
 * Integers that would leave this service as other integers. JSON has numbers of any length, JavaScript has doubles only: it
 * reads 9007199254740993 as 9007199254740992, and prints 1152921504606846976 as 1152921504606847000. The value that was
 * read shows nothing of it, so the text is looked at, but only where a large number was read: others pay nothing.
 */

/** An integer below it is kept by a double and printed with all its digits. */
export const FIRST_INEXACT = 2 ** 53;

/**
 * The same JSON with each such integer replaced by one that `JSON.parse` reads as Infinity: so whatever the text does with
 * it (a doubled key, a field that nobody reads), it is found where it matters and nowhere else. The text must be JSON.
 */
export const withoutInexact = (json: string): string =>
  json.replace(TOKEN, (token) => (isInexact(token) ? BEYOND_DOUBLE : token));

const BEYOND_DOUBLE = '1e999';

/**
 * A string; the exponent of a short number; a number of 16 characters or more. Fewer digits always come back, so short numbers
 * are not handed to the function above: in an array of many it would cost more than to parse it.
 */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|e[+-]?\d+|-?[\d.]{16,}(?:e[+-]?\d+)?/gi;

const isInexact = (token: string): boolean => {
  const came = decimalOf(token);
  // below 0 it is no integer, and comes out as the nearest double
  if (came === undefined || came.power < 0) return false;
  const printed = decimalOf(String(Number(token)));
  return printed?.digits !== came.digits || printed.power !== came.power;
};

/** The number without its sign is `digits` × 10^`power`. No zeros stand around the digits, so equal numbers have equal ones. */
interface Decimal {
  readonly digits: string;
  readonly power: number;
}

/** Undefined for what is no number: a string, an exponent alone, Infinity. */
const decimalOf = (token: string): Decimal | undefined => {
  const [, whole, fraction = '', power = '0'] = NUMBER.exec(token) ?? [];
  if (whole === undefined) return undefined;
  const all = whole + fraction;
  // no /0+$/: on a long number with many zeros it takes quadratic time
  let end = all.length;
  while (all[end - 1] === '0') end--;
  const digits = all.slice(0, end).replace(/^0+/, '');
  return digits === ''
    ? { digits, power: 0 }
    : { digits, power: Number(power) - fraction.length + all.length - end };
};

const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;
