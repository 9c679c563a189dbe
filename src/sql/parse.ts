/** Text to statements. */
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import type { Node } from 'libpg-query';
import { assert, PgError, SqlState } from '../base/index.ts';
import { classify } from './classify.ts';
import { grammarError } from './grammar-error.ts';
import { constantValue } from './node-access.ts';
import { applyEdits, byteOffsets, offsetOf, positionOf } from './offsets.ts';
import type { Edit } from './offsets.ts';
import type { Statement } from './statement.ts';
import { findSugar } from './sugar.ts';
import type { SugarNote } from './sugar.ts';
import { takeAlterOptions, takeCreateOptions } from './table-options.ts';
import type { TakenOptions } from './table-options.ts';
import { scanTokens } from './tokens.ts';
import type { Token } from './tokens.ts';

await loadModule();

interface RawStatement {
  readonly node: Node;
  /** Offsets in the text. */
  readonly start: number;
  readonly end: number;
}

/** @throws PgError 42601 with the position in `text`; 54001 when it nests too deeply */
function parseRaw(text: string): readonly RawStatement[] {
  if (text.trim() === '') return [];
  let parsed: ReturnType<typeof parseSync>;
  try {
    parsed = parseSync(text);
  } catch (error) {
    throw parseError(error, text);
  }
  const offset = byteOffsets(text);
  return (parsed.stmts ?? []).flatMap(({ stmt, stmt_location: from = 0, stmt_len: length = 0 }) => {
    if (stmt === undefined) return [];
    return [
      { node: stmt, start: offset(from), end: length === 0 ? text.length : offset(from + length) },
    ];
  });
}

function parseError(error: unknown, text: string): Error {
  if (hasSqlDetails(error))
    return grammarError(text, error.message, error.sqlDetails?.cursorPosition ?? 0);
  // RuntimeError: a trap in WebAssembly.
  if (error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError')) {
    return new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded');
  }
  return error instanceof Error ? error : new Error(String(error));
}

/**
 * The statements of `source`, in order; none when it holds nothing but spaces and comments. Synchronous: parsing takes
 * some 0.02 to 0.1 ms.
 * @throws PgError 42601 and others, their position in `source`
 */
export function parse(source: string): readonly Statement[] {
  const sugar = findSugar(source);
  const edited = applyEdits(source, sugar.edits);
  const toSource = (position: number): number =>
    positionOf(source, edited.toOld(offsetOf(edited.text, position)));
  const raw = relocating(toSource, () => parseRaw(edited.text));
  const notes = [...sugar.notes];
  return raw.map((one, i) => {
    const own: SugarNote[] = [];
    const sourceEnd = edited.toOld(one.end);
    while (notes[0] !== undefined && notes[0].offset < sourceEnd) own.push(notes.shift()!);
    // The first one keeps what is before it, so that its locations need no shifting.
    const start = i === 0 ? 0 : one.start;
    const text = edited.text.slice(start, one.end);
    const sourcePosition = (position: number): number =>
      toSource(positionOf(edited.text, start + offsetOf(text, position)));
    return relocating(sourcePosition, () =>
      statementOf(text, start === 0 ? one.node : undefined, own, sourcePosition),
    );
  });
}

/** Runs `work`, moving the position of a PgError that it throws. */
function relocating<T>(relocate: (position: number) => number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PgError) || error.report.position === undefined) throw error;
    const { code, message, position, ...fields } = error.report;
    throw new PgError(code, message, { ...fields, position: relocate(position) });
  }
}

function onlyNode(text: string): Node {
  const raw = parseRaw(text);
  assert(raw.length === 1, 'a part of a statement is one statement');
  return raw[0]!.node;
}

/** The value of a string literal as written. */
export function literalText(literal: string): string {
  const node = onlyNode(`SELECT ${literal}`);
  const target = 'SelectStmt' in node ? node.SelectStmt.targetList?.[0] : undefined;
  const value = target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined;
  return (value === undefined ? undefined : constantValue(value)) ?? '';
}

const noOptions: TakenOptions = { edits: [], set: new Map(), reset: [], onlyOurs: false };

function takeOptions(text: string, node: Node, tokens: () => readonly Token[]): TakenOptions {
  if ('CreateStmt' in node && node.CreateStmt.options !== undefined) {
    return takeCreateOptions(text, tokens(), node.CreateStmt.options);
  }
  if ('CreateTableAsStmt' in node && node.CreateTableAsStmt.objtype === 'OBJECT_TABLE') {
    const options = node.CreateTableAsStmt.into?.options;
    return options === undefined ? noOptions : takeCreateOptions(text, tokens(), options);
  }
  if ('AlterTableStmt' in node && node.AlterTableStmt.objtype === 'OBJECT_TABLE') {
    const { cmds } = node.AlterTableStmt;
    const touched = (cmds ?? []).some(
      (command) =>
        'AlterTableCmd' in command &&
        (command.AlterTableCmd.subtype === 'AT_SetRelOptions' ||
          command.AlterTableCmd.subtype === 'AT_ResetRelOptions'),
    );
    return touched ? takeAlterOptions(text, tokens(), cmds) : noOptions;
  }
  return noOptions;
}

/** `sourcePosition` takes positions in `written`. */
function statementOf(
  written: string,
  parsed: Node | undefined,
  notes: readonly SugarNote[],
  sourcePosition: (position: number) => number,
): Statement {
  const given = parsed ?? onlyNode(written);
  const taken = takeOptions(written, given, () => scanTokens(written) ?? []);
  const { text, toOld } = applyEdits(written, taken.edits);
  const node = taken.edits.length === 0 ? given : onlyNode(text);
  const ownPosition =
    taken.edits.length === 0
      ? sourcePosition
      : (position: number): number =>
          sourcePosition(positionOf(written, toOld(offsetOf(text, position))));
  const { offset: _, executeAs, ...note } = Object.assign({ offset: 0 }, ...notes) as SugarNote;
  let tokens: readonly Token[] | undefined;
  return classify(node, {
    common: {
      text,
      node,
      executeAs: executeAs === undefined ? undefined : literalText(executeAs),
      sourcePosition: ownPosition,
    },
    tokens: () => (tokens ??= scanTokens(text) ?? []),
    inner: (start, end, cut) => {
      const part = text.slice(start, end);
      const edits: Edit[] =
        cut === undefined
          ? []
          : [{ start: cut.start - start, end: cut.end - start, text: cut.text }];
      const edited = applyEdits(part, edits);
      return statementOf(edited.text, undefined, [], (position) =>
        ownPosition(positionOf(text, start + edited.toOld(offsetOf(edited.text, position)))),
      );
    },
    note,
    options: taken,
  });
}

/** The same statement with another text in place of its own, whose offsets `toOld` maps back. */
export function withText(
  statement: Statement,
  text: string,
  toOld: (offset: number) => number,
): Statement {
  return {
    ...statement,
    text,
    node: onlyNode(text),
    sourcePosition: (position) =>
      statement.sourcePosition(positionOf(statement.text, toOld(offsetOf(text, position)))),
  };
}
