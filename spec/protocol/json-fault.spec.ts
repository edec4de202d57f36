/** Where a text stops being JSON. */
import fc from 'fast-check';
import t from 'tap';
import { jsonFault, notJson } from '../../lib/protocol/json-fault.js';

t.test(
  'when a text is no JSON, then the fault names the line and column from which on it is not',
  async (t) => {
    const rows: readonly (readonly [text: string, line: number, column: number])[] = [
      ['', 1, 1],
      ['{', 1, 2],
      ['{"a":1,}', 1, 8],
      ['{\n  "a": 1\n  "b": 2\n}', 3, 3],
      ['[1, x]', 1, 5],
      ['{"a" 1}', 1, 6],
      ['1 2', 1, 3],
      ['"\n"', 1, 1],
      ['[1] // a', 1, 5],
      ['[[],{},[{}]', 1, 12],
      ['['.repeat(1_048_576), 1, 1_048_577],
      [`"${'x'.repeat(1_048_575)}`, 1, 1],
    ];
    for (const [text, line, column] of rows)
      t.same(jsonFault(text), { line, column }, text.slice(0, 20));
    t.equal(notJson(' \n'), 'nothing');
    t.equal(notJson('[1,\nx]'), 'text that is not JSON from line 2, column 1 on');
  },
);

t.test(
  'when any JSON is cut off, then the fault is at the end of the text or before it',
  async (t) => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(200), (value, cut) => {
        const text = JSON.stringify([value]).slice(0, cut);
        const { line, column } = jsonFault(text);
        return line === 1 && column >= 1 && column <= text.length + 1;
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        // all of it is JSON: what comes behind it is the fault
        return jsonFault(`${text} ]`).column === text.length + 2;
      }),
    );
    t.pass('and behind all of a whole one');
  },
);
