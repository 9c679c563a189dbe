import type { Report } from '../base/index.ts';

/** Field codes of ErrorResponse and NoticeResponse in PostgreSQL's order, with what each carries. */
export function reportFields(report: Report): [string, string][] {
  const fields: [string, string][] = [
    ['S', report.severity],
    ['V', report.severity],
    ['C', report.code],
    ['M', report.message],
  ];
  const add = (code: string, value: string | number | undefined): void => {
    if (value !== undefined) fields.push([code, String(value)]);
  };
  add('D', report.detail);
  add('H', report.hint);
  add('P', report.position);
  add('p', report.internalPosition);
  add('q', report.internalQuery);
  add('W', report.where);
  add('s', report.schema);
  add('t', report.table);
  add('c', report.column);
  add('d', report.dataType);
  add('n', report.constraint);
  add('F', report.file);
  add('L', report.line);
  add('R', report.routine);
  return fields;
}
