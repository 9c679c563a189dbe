/**
 * Patterns for names as psql's \d takes them: `*` for any characters, `?` for one, a dot between namespace and table, quotes around what is
 * meant literally; unquoted letters are folded to lower case. https://www.postgresql.org/docs/18/app-psql.html#APP-PSQL-PATTERNS
 */
import { usageError } from './errors.ts';

export interface NamePattern {
  /** Undefined: any namespace. */
  readonly namespace: RegExp | undefined;
  readonly name: RegExp;
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&');

export function readPattern(text: string): NamePattern {
  const parts = [''];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') {
      if (quoted && text[at + 1] === '"') {
        parts.push(`${parts.pop()}"`);
        at++;
      } else quoted = !quoted;
    } else if (!quoted && character === '.') parts.push('');
    else {
      const wildcard = quoted ? undefined : { '*': '[^]*', '?': '[^]' }[character];
      const folded = quoted
        ? character
        : character.replace(/[A-Z]/, (letter) => letter.toLowerCase());
      parts.push(parts.pop()! + (wildcard ?? literal(folded)));
    }
  }
  if (quoted || parts.length > 2)
    throw usageError(`"${text}" is no pattern for tables: it has the form [namespace.]table`);
  const [first, second] = parts.map((part) => new RegExp(`^${part}$`, 'u'));
  return second === undefined
    ? { namespace: undefined, name: first! }
    : { namespace: first!, name: second };
}

export const matches = (
  { namespace, name }: NamePattern,
  row: { readonly namespace: string; readonly table_name: string },
): boolean => (namespace?.test(row.namespace) ?? true) && name.test(row.table_name);
