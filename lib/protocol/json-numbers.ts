/**
 * Finds integers that this service would send on as other integers. JSON has numbers of any length,
 * JavaScript only doubles: it reads 9007199254740993 as 9007199254740992, and prints 1152921504606846976 as
 * 1152921504606847000. The parsed value does not show that, so the text is checked, but only when a large
 * number was parsed: other messages pay nothing.
 */

/** Doubles represent all smaller integers exactly, and JavaScript prints all their digits. */
export const FIRST_INEXACT = 2 ** 53;

/**
 * The same JSON with each such integer replaced by one that `JSON.parse` reads as Infinity. So such an
 * integer is found only in a value that is used. It is not found in an ignored field, or in a field that a
 * later one of the same name replaces. The text must be valid JSON.
 */
export const withoutInexact = (json: string): string =>
  json.replace(TOKEN, (token) => (isInexact(token) ? BEYOND_DOUBLE : token));

const BEYOND_DOUBLE = '1e999';

/**
 * Matches a string, the exponent of a short number, or a number of 16 characters or more. Shorter numbers are
 * always exact, so `isInexact` is not called for them: in an array of many numbers, the calls would cost more
 * than the parsing.
 */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|e[+-]?\d+|-?[\d.]{16,}(?:e[+-]?\d+)?/gi;

const isInexact = (token: string): boolean => {
  const came = decimalOf(token);
  // with a negative power the number is no integer: it may become the nearest double
  if (came === undefined || came.power < 0) return false;
  const printed = decimalOf(String(Number(token)));
  return printed?.digits !== came.digits || printed.power !== came.power;
};

/**
 * A number without its sign: `digits` × 10^`power`. `digits` has no zeros at its ends, so equal numbers have
 * equal fields.
 */
interface Decimal {
  readonly digits: string;
  readonly power: number;
}

/** Undefined for anything but a number: a string, an exponent alone, Infinity. */
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
