import type { TextRow } from './submit.ts';

/** A line as psql's csv format and COPY write it: quoted where it must be, NULL as nothing. */
export function csvLine(values: TextRow): string {
  const cells = values.map((value) => {
    if (value === null) return '';
    const quoted = value === '\\.' || /[",\r\n]/.test(value);
    return quoted ? `"${value.replaceAll('"', '""')}"` : value;
  });
  return `${cells.join(',')}\n`;
}
