/** Our table options: taken out of WITH (…), SET (…) and RESET (…), so that PostgreSQL sees only its own. */
import type { DefElem, Node } from 'libpg-query';
import { PgError, SqlState } from '../base/index.ts';
import { optionValue } from './node-access.ts';
import { byteOffsets } from './offsets.ts';
import type { Edit } from './offsets.ts';
import type { TableKind } from './sugar.ts';
import { closingIndex } from './tokens.ts';
import type { Token } from './tokens.ts';

const ourOptions: ReadonlySet<string> = new Set([
  'type',
  'flush_policy',
  'deleted_retention',
  'ttl',
]);
/** Streams are never flushed and never soft-deleted. */
const tableOnly: readonly string[] = ['flush_policy', 'deleted_retention'];

export interface TakenOptions {
  readonly edits: readonly Edit[];
  readonly set: ReadonlyMap<string, string>;
  readonly reset: readonly string[];
  /** ALTER TABLE said nothing else. */
  readonly onlyOurs: boolean;
}

function invalid(message: string, hint?: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message, { hint });
}

function elements(nodes: readonly Node[] | undefined): readonly DefElem[] {
  return (nodes ?? []).flatMap((node) => ('DefElem' in node ? [node.DefElem] : []));
}

function isOurs(element: DefElem): boolean {
  return element.defnamespace === undefined && ourOptions.has(element.defname ?? '');
}

function collect(list: readonly DefElem[], set: Map<string, string>): void {
  for (const element of list) {
    if (!isOurs(element)) continue;
    const name = element.defname!;
    if (set.has(name)) throw invalid(`parameter "${name}" specified more than once`);
    const value = optionValue(element.arg);
    if (value === undefined) throw invalid(`parameter "${name}" requires a value`);
    set.set(name, value);
  }
}

/**
 * The edit that leaves only PostgreSQL's options in the list, or replaces the whole clause, keyword included, by `empty`
 * when none are left.
 */
function removal(
  text: string,
  tokens: readonly Token[],
  list: readonly DefElem[],
  empty: string,
): Edit | undefined {
  if (!list.some(isOurs)) return undefined;
  const offset = byteOffsets(text);
  const indexes = list.map((element) => {
    const start = offset(element.location ?? 0);
    return tokens.findIndex((token) => token.start === start);
  });
  const open = indexes[0]! - 1;
  const close = closingIndex(tokens, open);
  const kept = list.flatMap((element, i) => {
    if (isOurs(element)) return [];
    const next = indexes[i + 1];
    // Up to the comma before the next one, or the closing parenthesis.
    const last = tokens[(next === undefined ? close : next - 1) - 1]!;
    return [text.slice(tokens[indexes[i]!]!.start, last.end)];
  });
  if (kept.length === 0)
    return { start: tokens[open - 1]!.start, end: tokens[close]!.end, text: empty };
  return { start: tokens[open]!.end, end: tokens[close]!.start, text: kept.join(', ') };
}

/** CREATE TABLE's, CREATE TABLE AS's. */
export function takeCreateOptions(
  text: string,
  tokens: readonly Token[],
  options: readonly Node[] | undefined,
): TakenOptions {
  const set = new Map<string, string>();
  const list = elements(options);
  collect(list, set);
  const edit = removal(text, tokens, list, '');
  return { edits: edit === undefined ? [] : [edit], set, reset: [], onlyOurs: false };
}

/** ALTER TABLE's commands. SET WITHOUT OIDS is PostgreSQL's own command that never has an effect. */
export function takeAlterOptions(
  text: string,
  tokens: readonly Token[],
  commands: readonly Node[] | undefined,
): TakenOptions {
  const set = new Map<string, string>();
  const reset: string[] = [];
  const edits: Edit[] = [];
  let onlyOurs = true;
  for (const node of commands ?? []) {
    const command = 'AlterTableCmd' in node ? node.AlterTableCmd : undefined;
    const list =
      command?.def !== undefined && 'List' in command.def ? elements(command.def.List.items) : [];
    if (command?.subtype === 'AT_SetRelOptions') collect(list, set);
    else if (command?.subtype === 'AT_ResetRelOptions') {
      for (const element of list) if (isOurs(element)) reset.push(element.defname!);
    } else {
      onlyOurs = false;
      continue;
    }
    if (!list.every(isOurs)) onlyOurs = false;
    const edit = removal(text, tokens, list, 'SET WITHOUT OIDS');
    if (edit !== undefined) edits.push(edit);
  }
  if (reset.includes('type')) throw invalid('parameter "type" cannot be reset');
  return { edits, set, reset, onlyOurs: onlyOurs && edits.length > 0 };
}

/**
 * What kind of table the options and the word before TABLE make, when they go together.
 * @throws PgError 22023 naming the option that does not belong
 */
export function tableKindOf(
  options: ReadonlyMap<string, string>,
  word: TableKind | undefined,
): TableKind {
  const type = options.get('type');
  if (type !== undefined && type !== 'user' && type !== 'shared' && type !== 'stream') {
    throw invalid(
      `invalid value for parameter "type": "${type}"`,
      'Available values: user, shared, stream.',
    );
  }
  if (type !== undefined && word !== undefined && type !== word) {
    throw invalid(
      `parameter "type" is "${type}", but the statement says ${word.toUpperCase()} TABLE`,
    );
  }
  const kind = type ?? word ?? 'shared';
  if (kind === 'stream') {
    for (const name of tableOnly) {
      if (options.has(name)) throw invalid(`parameter "${name}" does not apply to stream tables`);
    }
    if (!options.has('ttl')) throw invalid('stream tables require parameter "ttl"');
  } else if (options.has('ttl')) {
    throw invalid(`parameter "ttl" applies to stream tables only, not to ${kind} tables`);
  }
  return kind;
}
