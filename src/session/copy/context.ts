/** The context lines of COPY's errors. */
import { PgError, SqlState } from '../../base/index.ts';

/** As much of a value or line as an error shows, in bytes. */
const shownBytesMax = 100;

function shorten(text: string): string {
  if (text.length * 3 <= shownBytesMax) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= shownBytesMax) return text;
  let end = shownBytesMax;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}...`;
}

export const copyLine = (relation: string, line: number): string =>
  `COPY ${relation}, line ${line}`;

export const copyLineText = (relation: string, line: number, text: string): string =>
  `${copyLine(relation, line)}: "${shorten(text)}"`;

/** `value` null: the field was NULL. */
export function copyField(
  relation: string,
  line: number,
  column: string,
  value: string | null,
): string {
  const where = `${copyLine(relation, line)}, column ${column}`;
  return value === null ? `${where}: null input` : `${where}: "${shorten(value)}"`;
}

/** `error` with `where` below the context that it may have already. */
export function inContext(error: unknown, where: string): unknown {
  if (!(error instanceof PgError)) return error;
  const own = error.report.where;
  const { code, message, ...fields } = error.report;
  return new PgError(code, message, {
    ...fields,
    where: own === undefined ? where : `${own}\n${where}`,
  });
}

export const badFormat = (message: string, where?: string, hint?: string): PgError =>
  new PgError(SqlState.badCopyFileFormat, message, { where, hint });
