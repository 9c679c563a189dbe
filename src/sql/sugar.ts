/**
 * The words that PostgreSQL's grammar lacks (sql.md), turned into PostgreSQL's own before parsing. Works on tokens at the
 * start of statements only, so that strings, comments and quoted identifiers are never touched.
 */
import type { Edit } from './offsets.ts';
import { syntaxErrorAt } from './syntax-error.ts';
import { closingIndex, scanTokens } from './tokens.ts';
import type { Token } from './tokens.ts';

export type TableKind = 'user' | 'shared' | 'stream';

const tableKinds: ReadonlySet<string> = new Set<TableKind>(['user', 'shared', 'stream']);

/** What the words said, for the statement that starts at `offset` (of the text before the edits). */
export interface SugarNote {
  readonly offset: number;
  /** CREATE or DROP with a kind of table. */
  readonly tableKind?: TableKind;
  /** FLUSH TABLE: what is left is TABLE and the name. */
  readonly flush?: true;
  /** EXECUTE AS USER: the string literal as written. */
  readonly executeAs?: string;
}

export interface Sugar {
  readonly edits: readonly Edit[];
  readonly notes: readonly SugarNote[];
}

const noSugar: Sugar = { edits: [], notes: [] };

/** Texts without any of these words need not be scanned. */
const sugarWords = /\b(?:namespace|shared|stream|flush|user)\b/i;

/** @throws PgError 42601 for a malformed FLUSH TABLE or EXECUTE AS USER */
export function findSugar(text: string): Sugar {
  if (!sugarWords.test(text)) return noSugar;
  const tokens = scanTokens(text);
  if (tokens === undefined) return noSugar;
  const edits: Edit[] = [];
  const notes: SugarNote[] = [];
  let start = 0;
  while (start < tokens.length) {
    let depth = 0;
    let end = start;
    for (; end < tokens.length; end++) {
      const { word } = tokens[end]!;
      if (word === '(') depth++;
      else if (word === ')') depth--;
      else if (word === ';' && depth <= 0) break;
    }
    statementSugar(text, tokens.slice(start, end), edits, notes);
    start = end + 1;
  }
  return { edits, notes };
}

function is(token: Token | undefined, word: string): boolean {
  return token !== undefined && token.word === word && token.kind !== 'string';
}

function errorAt(text: string, token: Token | undefined): Error {
  return syntaxErrorAt(text, token?.start ?? text.length, token?.end ?? text.length);
}

function statementSugar(
  text: string,
  tokens: readonly Token[],
  edits: Edit[],
  notes: SugarNote[],
): void {
  const inner = executeAsUser(text, tokens, edits, notes);
  const [first, second, third] = inner;
  if (first === undefined || second === undefined) return;
  const offset = first.start;
  if (is(first, 'create') || is(first, 'drop')) {
    if (is(second, 'namespace')) {
      edits.push({ start: second.start, end: second.end, text: 'SCHEMA' });
    } else if (tableKinds.has(second.word) && is(third, 'table')) {
      edits.push({ start: second.start, end: third!.start, text: '' });
      notes.push({ offset, tableKind: second.word as TableKind });
    }
  } else if (is(first, 'flush') && is(second, 'table')) {
    checkFlush(text, inner);
    edits.push({ start: first.start, end: second.start, text: '' });
    notes.push({ offset, flush: true });
  }
}

/** FLUSH TABLE name [. name]. */
function checkFlush(text: string, tokens: readonly Token[]): void {
  const named = (token: Token | undefined): boolean =>
    token !== undefined && (token.kind === 'identifier' || token.kind === 'keyword');
  if (!named(tokens[2])) throw errorAt(text, tokens[2]);
  let end = 3;
  if (is(tokens[3], '.')) {
    if (!named(tokens[4])) throw errorAt(text, tokens[4]);
    end = 5;
  }
  if (tokens[end] !== undefined) throw errorAt(text, tokens[end]);
}

/** EXECUTE AS USER 'bob' (statement): what is within the parentheses, or the statement itself. */
function executeAsUser(
  text: string,
  tokens: readonly Token[],
  edits: Edit[],
  notes: SugarNote[],
): readonly Token[] {
  const [execute, as, user, name, open] = tokens;
  if (!is(execute, 'execute') || !is(as, 'as')) return tokens;
  if (!is(user, 'user')) throw errorAt(text, user);
  if (name?.kind !== 'string') throw errorAt(text, name);
  if (!is(open, '(')) throw errorAt(text, open);
  const close = closingIndex(tokens, 4);
  if (close < 0) throw errorAt(text, undefined);
  if (close === 5) throw errorAt(text, tokens[close]);
  if (tokens[close + 1] !== undefined) throw errorAt(text, tokens[close + 1]);
  const inner = tokens.slice(5, close);
  const separator = inner.find((token) => token.word === ';');
  if (separator !== undefined) throw errorAt(text, separator);
  edits.push(
    { start: execute!.start, end: inner[0]!.start, text: '' },
    { start: tokens[close]!.start, end: tokens[close]!.end, text: '' },
  );
  notes.push({ offset: inner[0]!.start, executeAs: name.word });
  return inner;
}
