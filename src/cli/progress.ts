/** Progress bars on stderr, redrawn in place. Where stderr is no terminal nothing is drawn. */
import { displayWidth, styleOf } from './terminal.ts';
import { formatDuration, formatFraction } from './units.ts';

const barCells = 24;
/** An estimate made of less tells nothing. */
const estimateFractionMin = 0.02;

/** Block characters need a terminal that shows UTF-8. */
function hasUnicode(): boolean {
  const { LC_ALL: all, LC_CTYPE: ctype, LANG: lang } = process.env;
  return /utf-?8/i.test([all, ctype, lang].find((name) => (name ?? '') !== '') ?? '');
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `cells` characters, of which the first `fraction` are filled. */
export function bar(fraction: number, cells: number = barCells, unicode = hasUnicode()): string {
  const filled = Math.min(1, Math.max(0, fraction)) * cells;
  const whole = Math.floor(filled);
  if (!unicode) return `[${'#'.repeat(whole)}${'.'.repeat(cells - whole)}]`;
  const part = eighths[Math.floor((filled - whole) * 8)]!;
  return `▕${('█'.repeat(whole) + part).padEnd(cells)}▏`;
}

/** What is left, by what has passed; undefined as long as that would be a guess. */
export function remainingMs(fraction: number, elapsedMs: number): number | undefined {
  if (fraction < estimateFractionMin || fraction >= 1 || elapsedMs < 500) return undefined;
  return (elapsedMs / fraction) * (1 - fraction);
}

/** `▕██████   ▏ 43 %  1.2 s, 1.6 s left`. Without a fraction: how long it has taken so far. */
export function progressText(fraction: number | undefined, elapsedMs: number): string {
  const elapsed = formatDuration(elapsedMs);
  if (fraction === undefined) return elapsed;
  const left = remainingMs(fraction, elapsedMs);
  const time = left === undefined ? elapsed : `${elapsed}, ${formatDuration(left)} left`;
  return `${bar(fraction)} ${formatFraction(fraction).padStart(5)}  ${time}`;
}

export interface Progress {
  /** Draws it; `note` stands after the figures. Without a fraction only the time is told. */
  update(fraction?: number, note?: string): void;
  /** Removes it from the terminal. To be called once, before anything else is written. */
  clear(): void;
}

/** Whether progress is shown at all: on a terminal that can move its cursor. */
export const showsProgress = (stream: NodeJS.WriteStream = process.stderr): boolean =>
  stream.isTTY && process.env['TERM'] !== 'dumb';

/** A line that says `label` and how far it is. */
export function createProgress(
  label: string,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  if (!showsProgress(stream)) return { update: () => undefined, clear: () => undefined };
  const started = performance.now();
  const style = styleOf(stream);
  let drawn = false;
  return {
    update(fraction, note = '') {
      const text = `${label}  ${progressText(fraction, performance.now() - started)}`;
      const rest = note === '' ? '' : `  ${note}`;
      // A line that wraps could not be drawn over.
      const fits = displayWidth(text + rest) < (stream.columns || 80);
      stream.write(
        `\r${fits ? text + style.dim(rest) : text.slice(0, (stream.columns || 80) - 1)}\u001B[K`,
      );
      drawn = true;
    },
    clear() {
      if (drawn) stream.write('\r\u001B[K');
      drawn = false;
    },
  };
}
