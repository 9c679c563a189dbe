/** What a workload found. Times are in the unit named; `ratio` is always "more is better for pgtide". */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly pgtide?: number | undefined;
  readonly postgres?: number | undefined;
  /** A third party's value, where a target compares with one. */
  readonly other?: { readonly name: string; readonly value: number } | undefined;
  /** pgtide's speed as a multiple of PostgreSQL's. */
  readonly ratio?: number | undefined;
  readonly target?: { readonly text: string; readonly reached: boolean } | undefined;
  readonly note?: string | undefined;
}

/** How many times as fast pgtide is; undefined unless both were measured. */
export function speedRatio(
  pgtide: number | undefined,
  postgres: number | undefined,
  better: 'more' | 'less',
): number | undefined {
  if (pgtide === undefined || postgres === undefined) return undefined;
  return better === 'more' ? pgtide / postgres : postgres / pgtide;
}

/** The verdict on `value`, or undefined when it was not measured. */
export function target(
  text: string,
  value: number | undefined,
  reaches: (value: number) => boolean,
): Figure['target'] {
  return value === undefined ? undefined : { text, reached: reaches(value) };
}

export function formatNumber(value: number | undefined): string {
  if (value === undefined) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

/** The figures as lines of a table with aligned columns. */
export function formatTable(figures: readonly Figure[]): readonly string[] {
  const header = ['what', 'unit', 'pgtide', 'PostgreSQL', 'ratio', 'other', 'target'];
  const rows = figures.map((figure) => [
    figure.what,
    figure.unit,
    formatNumber(figure.pgtide),
    formatNumber(figure.postgres),
    figure.ratio === undefined ? '–' : `${figure.ratio.toFixed(2)} x`,
    figure.other === undefined ? '' : `${figure.other.name} ${formatNumber(figure.other.value)}`,
    figure.target === undefined
      ? ''
      : `${figure.target.reached ? 'reached' : 'MISSED '} ${figure.target.text}`,
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const numeric = new Set([2, 3, 4]);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numeric.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [
    line(header),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
    ...figures.flatMap(({ what, note }) => (note === undefined ? [] : [`  ${what}: ${note}`])),
  ];
}
