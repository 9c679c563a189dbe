/**
 * Finds the statements of a script, line by line, as psql does: at each semicolon outside of quotes, comments and parentheses. What it
 * does not understand it leaves to the server.
 */

export interface Statement {
  /** With its semicolon, without blank lines and comments before it. */
  readonly text: string;
  /** Of its first word in the script, from 1. */
  readonly line: number;
}

export interface Splitter {
  /** Takes the script's next line, without its newline; returns the statements that it ends. */
  push(line: string): readonly Statement[];
  /** Counts a line that is no part of a statement. */
  skipLine(): void;
  /** What is left at the end of the script: a last statement without a semicolon. */
  rest(): Statement | undefined;
  /** Forgets what was begun. */
  reset(): void;
  /** Whether a statement has begun. */
  readonly pending: boolean;
  /** What a prompt shows to tell what is still open: `'`, `"`, `$`, `*` (a comment), `(`, or `-` for a statement. */
  readonly open: string;
}

const identifierPart = /[\w\u0080-\uFFFF$]/;
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uFFFF][\w\u0080-\uFFFF]*)?\$/y;

type Mode =
  | { readonly kind: 'plain' }
  | { readonly kind: 'quote'; readonly quote: "'" | '"'; readonly escapes: boolean }
  | { readonly kind: 'dollar'; readonly tag: string }
  | { readonly kind: 'comment'; readonly depth: number };

const plain: Mode = { kind: 'plain' };

/** E'…', where a backslash escapes: an E that is no end of a longer word. */
function isEscapeString(text: string, at: number): boolean {
  return /[eE]/.test(text[at - 1] ?? '') && !identifierPart.test(text[at - 2] ?? '');
}

/** The mode behind position `at`, which ends where `mode` does, and the position there. */
function skipWithin(
  text: string,
  at: number,
  mode: Exclude<Mode, { kind: 'plain' }>,
): [number, Mode] {
  if (mode.kind === 'dollar') {
    const end = text.indexOf(mode.tag, at);
    return end < 0 ? [text.length, mode] : [end + mode.tag.length, plain];
  }
  if (mode.kind === 'comment') {
    const marks = /\/\*|\*\//g;
    marks.lastIndex = at;
    const found = marks.exec(text);
    if (found === null) return [text.length, mode];
    const depth = mode.depth + (found[0] === '/*' ? 1 : -1);
    return [marks.lastIndex, depth === 0 ? plain : { kind: 'comment', depth }];
  }
  for (let i = at; i < text.length; i++) {
    if (mode.escapes && text[i] === '\\') i++;
    else if (text[i] === mode.quote) return [i + 1, plain];
  }
  return [text.length, mode];
}

export function createSplitter(): Splitter {
  let mode: Mode = plain;
  let parentheses = 0;
  let begun = '';
  let hasWords = false;
  let firstLine = 0;
  let lineNumber = 0;

  function reset(): void {
    mode = plain;
    parentheses = 0;
    begun = '';
    hasWords = false;
  }

  /** Drops what came before the first word; comments inside a statement stay. */
  function begin(): void {
    if (hasWords) return;
    hasWords = true;
    firstLine = lineNumber;
    begun = '';
  }

  return {
    push(line) {
      lineNumber++;
      const statements: Statement[] = [];
      let from = 0;
      let at = 0;
      while (at < line.length) {
        if (mode.kind !== 'plain') {
          [at, mode] = skipWithin(line, at, mode);
          continue;
        }
        const character = line[at]!;
        if (line.startsWith('--', at)) {
          if (!hasWords) from = line.length;
          break;
        }
        if (line.startsWith('/*', at)) {
          mode = { kind: 'comment', depth: 1 };
          at += 2;
          continue;
        }
        if (/\s/.test(character)) {
          at++;
          continue;
        }
        if (!hasWords) {
          begin();
          from = at;
        }
        if (character === "'" || character === '"') {
          const escapes = character === "'" && isEscapeString(line, at);
          mode = { kind: 'quote', quote: character, escapes };
          at++;
        } else if (character === '$' && !identifierPart.test(line[at - 1] ?? '')) {
          dollarQuote.lastIndex = at;
          const tag = dollarQuote.exec(line)?.[0];
          if (tag !== undefined) mode = { kind: 'dollar', tag };
          at += tag?.length ?? 1;
        } else if (character === ';' && parentheses <= 0) {
          statements.push({ text: begun + line.slice(from, at + 1), line: firstLine });
          at++;
          from = at;
          reset();
        } else {
          if (character === '(') parentheses++;
          if (character === ')') parentheses--;
          at++;
        }
      }
      if (hasWords) begun += `${line.slice(from)}\n`;
      return statements;
    },
    skipLine() {
      lineNumber++;
    },
    rest() {
      const text = begun.trimEnd();
      const statement = hasWords && text !== '' ? { text, line: firstLine } : undefined;
      reset();
      return statement;
    },
    reset,
    get pending() {
      return hasWords || mode.kind !== 'plain';
    },
    get open() {
      if (mode.kind === 'quote') return mode.quote;
      if (mode.kind === 'dollar') return '$';
      if (mode.kind === 'comment') return '*';
      return parentheses > 0 ? '(' : '-';
    },
  };
}
