/** What the terminal can do, and how wide text is on it. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

/** Colours unless NO_COLOR is set (https://no-color.org), the stream is no terminal, or the terminal has none. */
export function styleOf(stream: { readonly isTTY?: boolean }): Style {
  const { NO_COLOR: noColor, TERM: term } = process.env;
  const colours = stream.isTTY === true && (noColor ?? '') === '' && term !== 'dumb';
  const in_ =
    (start: number, end: number) =>
    (text: string): string =>
      colours ? `\u001B[${start}m${text}\u001B[${end}m` : text;
  return {
    bold: in_(1, 22),
    dim: in_(2, 22),
    red: in_(31, 39),
    green: in_(32, 39),
    yellow: in_(33, 39),
  };
}

const escapes = /\u001B\[[\d;]*m/g;
const zeroWidth = /[\p{Mn}\p{Me}\p{Cf}]/u;
const wide =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1F64F}\u{1F680}-\u{1F6FF}\u{1F900}-\u{1F9FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;
const plainText = /^[\u0020-\u007E]*$/;

/** Columns that `text`, a single line, takes on a terminal; colours take none. */
export function displayWidth(text: string): number {
  if (plainText.test(text)) return text.length;
  let width = 0;
  for (const character of text.replaceAll(escapes, '')) {
    if (zeroWidth.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

export const padStart = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - displayWidth(text))) + text;

export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - displayWidth(text)));

const escape = /\u001B\[[\d;]*m/y;

/** The first `columns` columns of a line, with its colours. */
export function clipped(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  let out = '';
  let width = 0;
  for (let at = 0; at < line.length;) {
    escape.lastIndex = at;
    const code = escape.exec(line)?.[0];
    const piece = code ?? String.fromCodePoint(line.codePointAt(at)!);
    at += piece.length;
    if (code === undefined) width += displayWidth(piece);
    // Colours behind the end are ended there.
    if (code !== undefined || width <= columns) out += piece;
  }
  return out;
}

/** Text of others (names, messages) without what would move the cursor or colour the terminal. */
export const visible = (text: string): string =>
  text.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, (character) => {
    const code = character.charCodeAt(0);
    return `\\x${code.toString(16).padStart(2, '0')}`;
  });
