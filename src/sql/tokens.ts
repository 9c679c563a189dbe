/** PostgreSQL's own scanner: where words, strings and comments lie. */
import { loadModule, scanSync } from 'libpg-query';
import { byteOffsets } from './offsets.ts';

// Before it is loaded the scanner fails for every text.
await loadModule();

export interface Token {
  /** Offsets in the string. */
  readonly start: number;
  readonly end: number;
  /** Lower case for keywords and other plain words, as written for quoted ones. */
  readonly word: string;
  readonly kind: 'keyword' | 'identifier' | 'string' | 'other';
}

/** Token numbers of libpg-query's protobuf. */
const identifierToken = 258;
const unicodeIdentifierToken = 259;
const stringTokens: ReadonlySet<number> = new Set([261, 262]);
const commentTokens: ReadonlySet<number> = new Set([275, 276]);

/** Tokens without comments; undefined when the scanner itself fails, which parsing then reports properly. */
export function scanTokens(text: string): readonly Token[] | undefined {
  if (text === '') return [];
  let scanned: ReturnType<typeof scanSync>;
  try {
    scanned = scanSync(text);
  } catch {
    return undefined;
  }
  const offset = byteOffsets(text);
  const tokens: Token[] = [];
  for (const { start, end, tokenType, keywordKind } of scanned.tokens) {
    if (commentTokens.has(tokenType)) continue;
    const from = offset(start);
    const to = offset(end);
    const written = text.slice(from, to);
    const kind =
      keywordKind > 0
        ? 'keyword'
        : tokenType === identifierToken || tokenType === unicodeIdentifierToken
          ? 'identifier'
          : stringTokens.has(tokenType)
            ? 'string'
            : 'other';
    const quoted = written.includes('"');
    tokens.push({
      start: from,
      end: to,
      word: kind === 'string' || quoted ? written : written.toLowerCase(),
      kind,
    });
  }
  return tokens;
}

/** Index of the token that closes the parenthesis opened at `open`, -1 when none does. */
export function closingIndex(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    const { word } = tokens[i]!;
    if (word === '(') depth++;
    else if (word === ')' && --depth === 0) return i;
  }
  return -1;
}

/** Index of the first keyword `word` outside parentheses at or after `from`, -1 when there is none. */
export function keywordIndex(tokens: readonly Token[], word: string, from = 0): number {
  let depth = 0;
  for (let i = from; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.word === '(') depth++;
    else if (token.word === ')') depth--;
    else if (depth === 0 && token.word === word && token.kind === 'keyword') return i;
  }
  return -1;
}
