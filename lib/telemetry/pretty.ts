/** A log line for people: `LOG_FORMAT=pretty`. A line that is no JSON object is not changed. */

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};

/**
 * `10:30:00.123 INFO  listening url=http://127.0.0.1:8000`, in local time; the stack of an error below it.
 */
export const pretty = (line: string): string => {
  const entry = entryOf(line);
  if (entry === undefined) return line;
  const { level, time, msg, server_id: _serverId, err, ...fields } = entry;
  const at = new Date(Number(time));
  const clock = `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${textOf(value)}`);
  const name = LEVELS[Number(level)] ?? String(level);
  return `${clock} ${name} ${textOf(msg ?? '')}${shown.join('')}${stackOf(err)}\n`;
};

type Entry = Readonly<Record<string, unknown>>;

const entryOf = (line: string): Entry | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const isObject = (value: unknown): value is Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value on one line: a value from outside cannot begin a new line. */
const textOf = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text) ? JSON.stringify(text) : text;
};

const stackOf = (err: unknown): string => {
  if (!isObject(err)) return '';
  const text = typeof err['stack'] === 'string' ? err['stack'] : JSON.stringify(err);
  return text
    .split('\n')
    .map((part) => `\n    ${part.trim()}`)
    .join('');
};
