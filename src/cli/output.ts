/**
 * What a command prints on stdout: tables and lists for people, JSON lines for programs. A command says what its values are
 * (`unit`), this file says how they look; in JSON they are the plain values under the columns' keys.
 */
import type { Style } from './terminal.ts';
import { displayWidth, padEnd, padStart, styleOf, visible } from './terminal.ts';
import { formatBytes, formatCount, formatDuration, formatFraction, formatTime } from './units.ts';

/** How a value is shown to people. Numbers are right-aligned. */
export type Unit = 'text' | 'count' | 'bytes' | 'ms' | 'fraction' | 'time' | 'id';

export interface Column {
  /** Its name in the row, and in JSON. */
  readonly key: string;
  /** Its heading. Default: the key with spaces. */
  readonly title?: string;
  readonly unit?: Unit;
  /** Left out, for people, where no row has a value. */
  readonly optional?: boolean;
  /** Colours it, for people. */
  readonly paint?: (text: string, row: Fields) => string;
  /** Where it is shown. Default: everywhere. */
  readonly only?: 'human' | 'json';
}

export type Value =
  | string
  | number
  | boolean
  | Date
  | null
  | undefined
  | readonly Value[]
  | { readonly [key: string]: Value };

export type Fields = Readonly<Record<string, Value>>;

export interface Output {
  readonly format: 'human' | 'json';
  /** Colours of stdout; does nothing where there are none. */
  readonly style: Style;
  /** An aligned table with headings; in JSON a line for each row. `none` is said when there are no rows (not in JSON). */
  rows(columns: readonly Column[], rows: readonly Fields[], none?: string): Promise<void>;
  /** One thing: a list of names and values; in JSON one line. Values that are undefined are left out. */
  record(columns: readonly Column[], record: Fields): Promise<void>;
  /** What was done: a line for people; in JSON the record. */
  done(line: string, record: Fields): Promise<void>;
  /** Text for people only: nothing in JSON. */
  text(text: string): Promise<void>;
  json(value: Value): Promise<void>;
}

const rightAligned: ReadonlySet<Unit> = new Set(['count', 'bytes', 'ms', 'fraction', 'id']);

function formatNumber(value: number, unit: Unit): string {
  if (unit === 'count') return formatCount(value);
  if (unit === 'bytes') return formatBytes(value);
  if (unit === 'ms') return formatDuration(value);
  if (unit === 'fraction') return formatFraction(value);
  return String(value);
}

/** A value as people read it; nothing for what is not known. */
export function formatValue(value: Value, unit: Unit = 'text'): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return formatNumber(value, unit);
  if (value instanceof Date) return formatTime(value);
  if (typeof value === 'object') return visible(JSON.stringify(value));
  return visible(String(value));
}

const plain = (text: string): string => text;

/** Lines of a table: headings, a rule, the rows; columns two spaces apart. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly Fields[],
  style: Style,
): readonly string[] {
  const titles = columns.map(({ key, title }) => title ?? key.replaceAll('_', ' '));
  const cells = rows.map((row) =>
    columns.map(({ key, unit, paint = plain }) => paint(formatValue(row[key], unit), row)),
  );
  const widths = titles.map((title, at) =>
    Math.max(displayWidth(title), ...cells.map((line) => displayWidth(line[at]!))),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => {
        const right = rightAligned.has(columns[at]!.unit ?? 'text');
        return right ? padStart(text, widths[at]!) : padEnd(text, widths[at]!);
      })
      .join('  ')
      .trimEnd();
  return [style.bold(line(titles)), ...cells.map(line)];
}

/** Resolves when the stream takes more. */
async function writeTo(stream: NodeJS.WriteStream, data: string | Uint8Array): Promise<void> {
  if (data.length === 0 || stream.write(data)) return;
  // 'close' comes when nobody reads any more; main.ts ends the process then.
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('drain', resolve).once('close', resolve);
  await promise;
  stream.off('drain', resolve).off('close', resolve);
}

export const writeOut = (data: string | Uint8Array): Promise<void> => writeTo(process.stdout, data);

/** A line for people, on stderr, so that stdout holds the result alone. */
export const tell = (line: string): void => void process.stderr.write(`${line}\n`);

const jsonLine = (value: Value): string => `${JSON.stringify(value)}\n`;

/** Only the columns' keys, in their order, so that JSON holds what was promised. */
const pick = (columns: readonly Column[], row: Fields): Fields =>
  Object.fromEntries(
    columns.filter(({ only }) => only !== 'human').map(({ key }) => [key, row[key] ?? null]),
  );

/** What people are shown of these rows. */
export const forPeople = (columns: readonly Column[], rows: readonly Fields[]): readonly Column[] =>
  columns.filter(
    ({ key, only, optional }) =>
      only !== 'json' &&
      (optional !== true || rows.some((row) => ![undefined, null, ''].includes(row[key] as null))),
  );

export function createOutput(format: 'human' | 'json'): Output {
  const style = styleOf(process.stdout);
  const human = format === 'human';
  return {
    format,
    style,
    async rows(columns, rows, none) {
      if (!human) {
        for (const row of rows) await writeOut(jsonLine(pick(columns, row)));
      } else if (rows.length === 0) {
        if (none !== undefined) await writeOut(`${none}\n`);
      } else {
        await writeOut(`${tableLines(forPeople(columns, rows), rows, style).join('\n')}\n`);
      }
    },
    async record(columns, record) {
      if (!human) return writeOut(jsonLine(pick(columns, record)));
      const shown = forPeople(columns, [record]).filter(
        ({ key }) => record[key] !== undefined && record[key] !== null,
      );
      const titles = shown.map(({ key, title }) => title ?? key.replaceAll('_', ' '));
      const width = Math.max(...titles.map(displayWidth));
      const lines = shown.map(
        ({ key, unit }, at) =>
          `${style.dim(padEnd(titles[at]!, width))}  ${formatValue(record[key], unit)}\n`,
      );
      await writeOut(lines.join(''));
    },
    done: (line, record) => writeOut(human ? `${line}\n` : jsonLine(record)),
    async text(text) {
      if (human) await writeOut(`${text}\n`);
    },
    json: (value) => writeOut(jsonLine(value)),
  };
}
