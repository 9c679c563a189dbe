/** Analyzed statements by text, parameter types, settings and catalog version; least recently used go first. */
import type { Analyzed } from './tree.ts';

/** Statements kept. */
export const cachedStatementsMax = 4096;
/** Bytes that they may take together, as estimated from the size of the printed trees. */
export const cachedStatementBytesMax = 64 * 1024 * 1024;
/** Records take about this many times the bytes of their printed form. */
const bytesPerTreeByte = 3;

/** Words that date and time input functions turn into a moment when the statement is analyzed, but for calls of now(). */
const clockWord = /(?<![a-z])(?:now|today|tomorrow|yesterday)(?![a-z])(?!\s*\()/i;
/** Such a word could also be spelled with escapes: E'\x6eow', U&'\006eow'. */
const spelledEscape = /\\[xu0-9+]/i;
const quote = /['$]/;

/** Whether analyzing the same text later may give another tree because a literal in it means the current time. */
export function dependsOnClock(text: string): boolean {
  return quote.test(text) && (clockWord.test(text) || spelledEscape.test(text));
}

/** Whether a date or time type may read the current time out of a string. */
export function saysClock(value: string): boolean {
  return clockWord.test(value);
}

export interface StatementCache {
  get(key: string): Analyzed | undefined;
  set(key: string, analyzed: Analyzed, treeBytes: number): void;
  clear(): void;
  readonly size: number;
}

export function statementCache(): StatementCache {
  const entries = new Map<string, { readonly analyzed: Analyzed; readonly bytes: number }>();
  let bytes = 0;
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      // A Map iterates in order of insertion: the oldest first.
      entries.delete(key);
      entries.set(key, entry);
      return entry.analyzed;
    },
    set(key, analyzed, treeBytes) {
      const own = key.length * 2 + treeBytes * bytesPerTreeByte;
      if (own > cachedStatementBytesMax / 8) return;
      const before = entries.get(key);
      if (before !== undefined) {
        entries.delete(key);
        bytes -= before.bytes;
      }
      entries.set(key, { analyzed, bytes: own });
      bytes += own;
      for (const [oldest, entry] of entries) {
        if (entries.size <= cachedStatementsMax && bytes <= cachedStatementBytesMax) break;
        entries.delete(oldest);
        bytes -= entry.bytes;
      }
    },
    clear() {
      entries.clear();
      bytes = 0;
    },
    get size() {
      return entries.size;
    },
  };
}
