import type { CopyColumn } from './decoder.ts';
import { badFormat } from './context.ts';
import type { SplitFields } from './split-line.ts';

/** HEADER match: 22P04 unless the header names the columns in their order. */
export function checkHeader(
  { texts }: SplitFields,
  columns: readonly CopyColumn[],
  nullMarker: string,
  where: string,
): void {
  if (texts.length !== columns.length) {
    throw badFormat(
      `wrong number of fields in header line: got ${texts.length}, expected ${columns.length}`,
      where,
    );
  }
  for (const [index, { name }] of columns.entries()) {
    const text = texts[index];
    if (text === name) continue;
    const got = text === null ? `null value ("${nullMarker}")` : `"${text}"`;
    throw badFormat(
      `column name mismatch in header line field ${index + 1}: got ${got}, expected "${name}"`,
      where,
    );
  }
}
