/**
 * Results as psql's aligned format prints them (border 1), byte for byte: src/fe_utils/print.c tells the rules, the tests compare
 * with psql.
 */
import { displayWidth, padEnd, padStart } from '../terminal.ts';
import type { Field, TextRow } from './submit.ts';

/** int8, int2, int4, oid, xid, cid, float4, float8, money, numeric, xid8. */
const rightAlignedTypes: ReadonlySet<number> = new Set([
  20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069,
]);

const tabStop = 8;
/** Characters that a terminal does not show as they are; newlines separate lines before this is applied. */
const unprintable = /[\u0000-\u001F\u007F-\u009F]/;

/** A line with tabs as spaces and control characters spelled out. */
function printable(line: string): string {
  if (!unprintable.test(line)) return line;
  let text = '';
  for (const character of line) {
    const code = character.codePointAt(0)!;
    if (character === '\t') text += ' '.repeat(tabStop - (displayWidth(text) % tabStop));
    else if (character === '\r') text += '\\r';
    else if (code < 0x80 && unprintable.test(character)) {
      text += `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
    } else if (unprintable.test(character)) {
      text += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
    } else text += character;
  }
  return text;
}

const linesOfCell = (text: string): readonly string[] => text.split('\n').map(printable);

const center = (text: string, width: number): string => {
  const space = width - displayWidth(text);
  return padEnd(' '.repeat(Math.floor(space / 2)) + text, width);
};

/** One row of cells, each of one or more lines. `finish` pads a cell's line; a `+` marks that the cell goes on. */
function rowLines(
  cells: readonly (readonly string[])[],
  widths: readonly number[],
  pad: (text: string, column: number, isLast: boolean) => string,
  lastPadded: boolean,
): readonly string[] {
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_none, at) =>
    cells
      .map((lines, column) => {
        const isLast = column === cells.length - 1;
        const goesOn = at < lines.length - 1;
        const unpadded = isLast && !goesOn && !lastPadded;
        const line = lines[at];
        const text =
          line === undefined
            ? ' '.repeat(unpadded ? 0 : widths[column]!)
            : pad(line, column, unpadded);
        return ` ${text}${goesOn ? '+' : isLast && !lastPadded ? '' : ' '}`;
      })
      .join('|'),
  );
}

const footer = (count: number): string => `(${count} ${count === 1 ? 'row' : 'rows'})`;

/** The table with its footer and the empty line behind it. */
export function alignedText(fields: readonly Field[], rows: readonly TextRow[]): string {
  if (fields.length === 0) return `--\n${footer(rows.length)}\n\n`;
  const heads = fields.map(({ name }) => linesOfCell(name));
  const cells = rows.map((row) => row.map((value) => linesOfCell(value ?? '')));
  const widths = heads.map((head) => Math.max(...head.map(displayWidth)));
  for (const row of cells) {
    for (const [column, lines] of row.entries()) {
      for (const line of lines) widths[column] = Math.max(widths[column]!, displayWidth(line));
    }
  }
  const right = fields.map(({ dataTypeID }) => rightAlignedTypes.has(dataTypeID));
  const body = cells.flatMap((row) =>
    rowLines(
      row,
      widths,
      (text, column, unpadded) => {
        if (right[column]!) return padStart(text, widths[column]!);
        return unpadded ? text : padEnd(text, widths[column]!);
      },
      false,
    ),
  );
  const head = rowLines(heads, widths, (text, column) => center(text, widths[column]!), true);
  const rule = widths.map((width) => '-'.repeat(width + 2)).join('+');
  return [...head, rule, ...body, footer(rows.length), '', ''].join('\n');
}
