/** The server's errors and notices as psql prints them, with the line and a caret below the place. */
import { displayWidth } from '../terminal.ts';

export interface ServerMessage {
  readonly severity?: string | undefined;
  readonly message?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly where?: string | undefined;
  /** In code points of the text sent, from 1. */
  readonly position?: string | undefined;
}

/** libpq's bounds (fe-protocol3.c): a longer line is cut, with this many columns left behind the place. */
const columnsMax = 60;
const columnsBehindMin = 10;

/** The line of `text` that holds `position`, counted from 1 like the position. */
export function lineAt(text: string, position: number): number {
  return (
    Array.from(text)
      .slice(0, position - 1)
      .filter((character) => character === '\n').length + 1
  );
}

/** `LINE 2: …` and the caret. */
export function pointer(text: string, position: number): string {
  const characters = Array.from(text);
  const at = Math.min(Math.max(position - 1, 0), characters.length);
  const lineNumber = lineAt(text, at + 1);
  let begin = at === 0 ? 0 : characters.lastIndexOf('\n', at - 1) + 1;
  let end = characters.indexOf('\n', at);
  if (end < 0) end = characters.length;
  if (characters[end - 1] === '\r') end--;
  const shown = (from: number, to: number): string =>
    characters.slice(from, to).join('').replaceAll('\t', ' ');
  const width = (from: number, to: number): number => displayWidth(shown(from, to));
  let cutBefore = false;
  let cutBehind = false;
  if (width(begin, end) > columnsMax) {
    if (width(begin, at) + columnsBehindMin <= columnsMax) {
      while (width(begin, end) > columnsMax) end--;
      cutBehind = true;
    } else {
      while (width(at, end) > columnsBehindMin) {
        end--;
        cutBehind = true;
      }
      while (width(begin, end) > columnsMax) {
        begin++;
        cutBefore = true;
      }
    }
  }
  const lead = `LINE ${lineNumber}: ${cutBefore ? '...' : ''}`;
  const line = `${lead}${shown(begin, end)}${cutBehind ? '...' : ''}`;
  return `${line}\n${' '.repeat(displayWidth(lead) + width(begin, at))}^`;
}

/** Without a newline at its end. `text` is what was sent, for the place. */
export function messageText(message: ServerMessage, text?: string): string {
  const { severity = 'ERROR', detail, hint, where, position } = message;
  const lines = [`${severity}:  ${message.message ?? ''}`];
  if (text !== undefined && position !== undefined) lines.push(pointer(text, Number(position)));
  if (detail !== undefined) lines.push(`DETAIL:  ${detail}`);
  if (hint !== undefined) lines.push(`HINT:  ${hint}`);
  if (where !== undefined) lines.push(`CONTEXT:  ${where}`);
  return lines.join('\n');
}
