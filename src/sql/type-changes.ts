/** ALTER TABLE's ALTER COLUMN … TYPE, as its text says it. */
import type { Node } from 'libpg-query';
import { scanTokens } from './tokens.ts';

export interface TypeChange {
  /** As PostgreSQL reads it. */
  readonly column: string;
  /** The expression after USING, as written; undefined: none. */
  readonly using: string | undefined;
}

/** The columns whose type an ALTER TABLE changes; empty for every other statement. */
export function typeChanges(text: string, node: Node): readonly TypeChange[] {
  if (!('AlterTableStmt' in node) || node.AlterTableStmt.objtype !== 'OBJECT_TABLE') return [];
  const commands = (node.AlterTableStmt.cmds ?? []).map((cmd) =>
    'AlterTableCmd' in cmd ? cmd.AlterTableCmd : undefined,
  );
  if (!commands.some((cmd) => cmd?.subtype === 'AT_AlterColumnType')) return [];
  const parts = partsOf(text);
  return commands.flatMap((cmd, i) => {
    if (cmd?.subtype !== 'AT_AlterColumnType' || cmd.name === undefined) return [];
    return [{ column: cmd.name, using: parts[i] }];
  });
}

const opening: ReadonlySet<string> = new Set(['(', '[']);
const closing: ReadonlySet<string> = new Set([')', ']']);

/** What follows USING in each part between commas. */
function partsOf(text: string): (string | undefined)[] {
  const parts: (string | undefined)[] = [];
  let depth = 0;
  let using: number | undefined;
  const end = (at: number): void => {
    parts.push(using === undefined ? undefined : text.slice(using, at).trim());
    using = undefined;
  };
  for (const token of scanTokens(text) ?? []) {
    if (opening.has(token.word)) depth++;
    else if (closing.has(token.word)) depth--;
    else if (depth === 0 && token.word === ',') end(token.start);
    else if (depth === 0 && token.kind === 'keyword' && token.word === 'using') using ??= token.end;
  }
  end(text.length);
  return parts;
}
