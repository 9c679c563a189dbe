/** What the demo writes: headings, progress bars, small tables. */

const barWidth = 28;
const redrawIntervalMs = 100;

export const number = (n: number): string => Math.round(n).toLocaleString('en-US');

export const seconds = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

export function heading(text: string): void {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`);
}

export interface Progress {
  /** 0 to 1. */
  update(fraction: number, note?: string): void;
  end(note: string): void;
}

/** A bar that is drawn over itself on a terminal; elsewhere only its end is written. */
export function progress(label: string): Progress {
  const { isTTY } = process.stdout;
  let drawnAtMs = -Infinity;
  const draw = (fraction: number, note: string): void => {
    const full = Math.round(Math.min(1, Math.max(0, fraction)) * barWidth);
    const bar = '█'.repeat(full) + '░'.repeat(barWidth - full);
    process.stdout.write(`\r\u001b[K${label.padEnd(24)} ${bar} ${note}`);
  };
  return {
    update(fraction, note = `${Math.floor(fraction * 100)} %`) {
      if (!isTTY || performance.now() - drawnAtMs < redrawIntervalMs) return;
      drawnAtMs = performance.now();
      draw(fraction, note);
    },
    end(note) {
      if (!isTTY) {
        console.log(`${label.padEnd(24)} ${note}`);
        return;
      }
      draw(1, note);
      process.stdout.write('\n');
    },
  };
}

/** Rows under their column names, at most `rowsMax`. */
export function printRows(rows: readonly Readonly<Record<string, unknown>>[], rowsMax = 5): void {
  const [first] = rows;
  if (first === undefined) {
    console.log('  (no rows)');
    return;
  }
  const names = Object.keys(first);
  const shown = rows.slice(0, rowsMax).map((row) => names.map((name) => cell(row[name])));
  const widths = names.map((name, i) =>
    Math.max(name.length, ...shown.map((cells) => (cells[i] ?? '').length)),
  );
  for (const cells of [names, ...shown]) {
    console.log(`  ${cells.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
  }
  if (rows.length > rowsMax) console.log(`  … ${rows.length - rowsMax} more`);
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}
