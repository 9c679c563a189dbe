/** Passwords in statements: where they are, others in their place, and texts without them. */
import type { Node, RoleSpec } from 'libpg-query';
import { assert } from '../base/index.ts';
import { applyEdits } from './offsets.ts';
import { literalText, withText } from './parse.ts';
import type { DdlStatement } from './statement.ts';
import { scanTokens } from './tokens.ts';
import type { Token } from './tokens.ts';

const redacted = '<redacted>';

/** A string literal: offsets in the statement's text, UESCAPE included. */
interface Literal {
  readonly start: number;
  readonly end: number;
}

/** Literals that follow the word PASSWORD. Quoted, it would be a name. */
function passwordLiterals(tokens: readonly Token[]): Literal[] {
  const found: Literal[] = [];
  for (const [i, token] of tokens.entries()) {
    const secret = tokens[i + 1];
    if (token.word !== 'password' || secret?.kind !== 'string') continue;
    // Literals on several lines are one: 'a' \n 'b'.
    let last = i + 1;
    while (tokens[last + 1]?.kind === 'string') last++;
    if (tokens[last + 1]?.word === 'uescape' && tokens[last + 2]?.kind === 'string') last += 2;
    found.push({ start: secret.start, end: tokens[last]!.end });
  }
  return found;
}

/**
 * A statement's text without its passwords, for those who may read what was run but no secrets: what follows the word PASSWORD, and
 * literals that hold it as connection strings do; all of the text when it can not be taken apart.
 */
export function withoutPasswords(text: string): string {
  if (!/password/i.test(text)) return text;
  const tokens = scanTokens(text);
  if (tokens === undefined) return redacted;
  const literals = passwordLiterals(tokens);
  for (const { kind, word, start, end } of tokens) {
    if (kind !== 'string' || !/password\s*=/i.test(word)) continue;
    if (!literals.some((one) => one.start <= start && end <= one.end))
      literals.push({ start, end });
  }
  return applyEdits(
    text,
    literals.map((literal) => ({ ...literal, text: redacted })),
  ).text;
}

/** Whose password a statement sets. */
export type RoleNamed = { readonly name: string } | 'current role' | 'session user';

export interface RolePassword extends Literal {
  readonly value: string;
}

function roleNamed(role: RoleSpec | undefined): RoleNamed {
  if (role?.roletype === 'ROLESPEC_SESSION_USER') return 'session user';
  return role?.roletype === 'ROLESPEC_CSTRING' ? { name: role.rolename ?? '' } : 'current role';
}

function roleStatement(
  node: Node,
): { readonly role: RoleNamed; readonly options: readonly Node[] } | undefined {
  if ('CreateRoleStmt' in node) {
    const { role = '', options = [] } = node.CreateRoleStmt;
    return { role: { name: role }, options };
  }
  if ('AlterRoleStmt' in node) {
    const { role, options = [] } = node.AlterRoleStmt;
    return { role: roleNamed(role), options };
  }
  return undefined;
}

/**
 * The passwords that CREATE or ALTER ROLE, USER or GROUP sets, in the order of the text; undefined when it sets none (PASSWORD NULL
 * is none). `backslashes`: plain literals have escapes, as with standard_conforming_strings = off.
 */
export function rolePasswords(
  { text, node }: DdlStatement,
  { backslashes }: { readonly backslashes: boolean },
): { readonly role: RoleNamed; readonly passwords: readonly RolePassword[] } | undefined {
  const statement = roleStatement(node);
  const set = statement?.options.filter(
    (option) =>
      'DefElem' in option &&
      option.DefElem.defname === 'password' &&
      option.DefElem.arg !== undefined,
  );
  if (statement === undefined || set === undefined || set.length === 0) return undefined;
  const literals = passwordLiterals(scanTokens(text) ?? []);
  assert(literals.length === set.length, 'each password is a literal after its word');
  const passwords = literals.map(({ start, end }) => {
    const literal = text.slice(start, end);
    const escapes = backslashes && literal.startsWith("'");
    return { start, end, value: literalText(escapes ? `E${literal}` : literal) };
  });
  return { role: statement.role, passwords };
}

/** The statement with other passwords in place of those that rolePasswords found; quotes and backslashes must not be in them. */
export function withPasswords(
  statement: DdlStatement,
  passwords: readonly RolePassword[],
  others: readonly string[],
): DdlStatement {
  const edits = passwords.flatMap(({ start, end, value }, i) => {
    const other = others[i] ?? '';
    return other === value ? [] : [{ start, end, text: `'${other}'` }];
  });
  if (edits.length === 0) return statement;
  const edited = applyEdits(statement.text, edits);
  const { text, node, sourcePosition } = withText(statement, edited.text, edited.toOld);
  return { ...statement, text, node, sourcePosition };
}
