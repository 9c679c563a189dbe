/** Parsed texts: BEGIN, COMMIT, and what drivers send again and again without preparing it. */
import { parse } from './parse.ts';
import type { Statement } from './statement.ts';

/** Texts kept. */
export const parsedTextsMax = 512;
/** Longer texts are parsed each time. Characters. */
export const parsedTextCharsMax = 1024;

const parsed = new Map<string, readonly Statement[]>();

/** What the text has been found to be, if it is kept. */
export function parsedBefore(text: string): readonly Statement[] | undefined {
  return parsed.get(text);
}

/** As parse(); the statements are shared and must not be changed. */
export function parseCached(text: string): readonly Statement[] {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const statements = parse(text);
  if (text.length > parsedTextCharsMax) return statements;
  if (parsed.size >= parsedTextsMax) {
    // A Map iterates in order of insertion: the oldest goes.
    for (const oldest of parsed.keys()) {
      parsed.delete(oldest);
      break;
    }
  }
  parsed.set(text, statements);
  return statements;
}
