/** Nodes to statement records: queries, COPY, cursors, and what changes the catalog. */
import type { CopyStmt, DeclareCursorStmt, FetchStmt, Node, SelectStmt } from 'libpg-query';
import { notSupported } from '../base/index.ts';
import { classifyUtility, droppedName } from './classify-utility.ts';
import { ddlTagOf } from './ddl-tags.ts';
import { nodeTag, optionMap, relationName, relationNames, stringValues } from './node-access.ts';
import type { StatementContext } from './statement-context.ts';
import type {
  CopyStatement,
  CursorStatement,
  DdlStatement,
  QueryStatement,
  Statement,
  TableRecord,
} from './statement.ts';
import { tableKindOf } from './table-options.ts';
import { closingIndex, keywordIndex } from './tokens.ts';
import type { Token } from './tokens.ts';

/** @throws PgError 22023 for options that do not go together */
export function classify(node: Node, context: StatementContext): Statement {
  const statement =
    classifyFlush(node, context) ??
    classifyQuery(node, context) ??
    classifyUtility(node, context) ??
    classifyCursor(node, context) ??
    ('CopyStmt' in node ? classifyCopy(node.CopyStmt, context) : undefined) ??
    classifyDdl(node, context);
  if (statement === undefined) throw notSupported(nodeTag(node));
  return statement;
}

function classifyFlush(node: Node, { common, note }: StatementContext): Statement | undefined {
  if (note.flush !== true || !('SelectStmt' in node)) return undefined;
  const from = node.SelectStmt.fromClause?.[0];
  const table = relationName(from !== undefined && 'RangeVar' in from ? from.RangeVar : undefined);
  return { ...common, tag: 'FLUSH TABLE', class: 'tide', kind: 'flush', table };
}

function hasModifyingCte(select: { withClause?: { ctes?: Node[] } }): boolean {
  return (select.withClause?.ctes ?? []).some((cte) => {
    const query = 'CommonTableExpr' in cte ? cte.CommonTableExpr.ctequery : undefined;
    return query !== undefined && !('SelectStmt' in query);
  });
}

function locks(select: SelectStmt): boolean {
  return (
    select.lockingClause !== undefined ||
    (select.larg !== undefined && locks(select.larg)) ||
    (select.rarg !== undefined && locks(select.rarg))
  );
}

/** SELECT INTO: the left-most SELECT of a set operation has it. */
function intoOf(select: SelectStmt): SelectStmt['intoClause'] {
  return select.intoClause ?? (select.larg === undefined ? undefined : intoOf(select.larg));
}

const queryTags: Readonly<Record<string, QueryStatement['kind']>> = {
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
};

function classifyQuery(node: Node, context: StatementContext): Statement | undefined {
  const { common } = context;
  if ('SelectStmt' in node) {
    const select = node.SelectStmt;
    if (intoOf(select) !== undefined) return classifySelectInto(select, context);
    return {
      ...common,
      tag: 'SELECT',
      class: 'query',
      kind: select.valuesLists === undefined ? 'select' : 'values',
      modifies: hasModifyingCte(select),
      locks: locks(select),
    };
  }
  const kind = queryTags[nodeTag(node)];
  if (kind === undefined) return undefined;
  return { ...common, tag: kind.toUpperCase(), class: 'query', kind, modifies: true, locks: false };
}

function classifyCursor(node: Node, context: StatementContext): CursorStatement | undefined {
  const cursor = { ...context.common, class: 'cursor' } as const;
  if ('DeclareCursorStmt' in node) return declareCursor(node.DeclareCursorStmt, context);
  if ('FetchStmt' in node) return { ...cursor, ...fetch(node.FetchStmt) };
  if ('ClosePortalStmt' in node) {
    const name = node.ClosePortalStmt.portalname;
    return {
      ...cursor,
      tag: name === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR',
      kind: 'closeCursor',
      name,
    };
  }
  return undefined;
}

/** Bits of DeclareCursorStmt.options (parsenodes.h). */
const cursorOption = {
  binary: 1,
  scroll: 2,
  noScroll: 4,
  insensitive: 8,
  asensitive: 16,
  hold: 32,
} as const;

function declareCursor(
  node: DeclareCursorStmt,
  { common, tokens, inner }: StatementContext,
): CursorStatement {
  const options = node.options ?? 0;
  const all = tokens();
  const has = (bit: number): boolean => (options & bit) !== 0;
  return {
    ...common,
    tag: 'DECLARE CURSOR',
    class: 'cursor',
    kind: 'declare',
    name: node.portalname ?? '',
    binary: has(cursorOption.binary),
    scroll: has(cursorOption.scroll) ? true : has(cursorOption.noScroll) ? false : undefined,
    bothScroll: has(cursorOption.scroll) && has(cursorOption.noScroll),
    insensitive: has(cursorOption.insensitive),
    asensitive: has(cursorOption.asensitive),
    hold: has(cursorOption.hold),
    inner: inner(all[keywordIndex(all, 'for', 2) + 1]!.start),
  };
}

const fetchDirections = {
  FETCH_FORWARD: 'forward',
  FETCH_BACKWARD: 'backward',
  FETCH_ABSOLUTE: 'absolute',
  FETCH_RELATIVE: 'relative',
} as const;

/** FETCH_ALL: LONG_MAX where libpg-query runs. */
const fetchAll = 2147483647;

function fetch(node: FetchStmt): {
  tag: string;
  kind: 'fetch' | 'move';
  name: string;
  direction: (typeof fetchDirections)[keyof typeof fetchDirections];
  count: number;
} {
  const count = Number(node.howMany ?? 0);
  return {
    tag: node.ismove === true ? 'MOVE' : 'FETCH',
    kind: node.ismove === true ? 'move' : 'fetch',
    name: node.portalname ?? '',
    direction: fetchDirections[node.direction ?? 'FETCH_FORWARD'],
    count: count >= fetchAll ? Infinity : count,
  };
}

const copyLists: ReadonlySet<string> = new Set(['force_quote', 'force_null', 'force_not_null']);

function classifyCopy(node: CopyStmt, { common, tokens, inner }: StatementContext): CopyStatement {
  const isFrom = node.is_from === true;
  const listOptions = new Map<string, readonly string[]>();
  for (const option of node.options ?? []) {
    if (!('DefElem' in option) || !copyLists.has(option.DefElem.defname ?? '')) continue;
    const { defname, arg } = option.DefElem;
    if (arg !== undefined && 'List' in arg) listOptions.set(defname!, stringValues(arg.List.items));
    else if (arg !== undefined && 'A_Star' in arg) listOptions.set(defname!, ['*']);
  }
  let innerStatement: Statement | undefined;
  if (node.query !== undefined) {
    const all = tokens();
    const open = all.findIndex((token) => token.word === '(');
    innerStatement = inner(all[open + 1]!.start, all[closingIndex(all, open)]!.start);
  }
  let where: string | undefined;
  if (node.whereClause !== undefined) {
    const all = tokens();
    where = common.text.slice(all[keywordIndex(all, 'where') + 1]!.start, all.at(-1)!.end);
  }
  return {
    ...common,
    tag: 'COPY',
    class: 'copy',
    kind: isFrom ? 'copyFrom' : 'copyTo',
    table: node.relation === undefined ? undefined : relationName(node.relation),
    columns: node.attlist === undefined ? undefined : stringValues(node.attlist),
    inner: innerStatement,
    filename: node.filename,
    program: node.is_program === true,
    options: optionMap(node.options),
    listOptions,
    where,
  };
}

function classifyDdl(node: Node, context: StatementContext): DdlStatement | undefined {
  const { common, note, options } = context;
  if ('CreateTableAsStmt' in node) return classifyTableAs(node, context);
  const found = ddlTagOf(node);
  if (found === undefined) return undefined;
  const ddl: DdlStatement = { ...common, ...found, class: 'ddl' };
  if ('CreateStmt' in node) {
    const create = node.CreateStmt;
    return {
      ...ddl,
      table: {
        name: relationName(create.relation),
        ifNotExists: create.if_not_exists === true,
        temporary: create.relation?.relpersistence === 't',
        kind: tableKindOf(options.set, note.tableKind),
        options: options.set,
        tablespace: create.tablespacename,
        inner: undefined,
        noData: false,
      },
    };
  }
  if ('DropStmt' in node) {
    const { objects, missing_ok: missingOk, behavior } = node.DropStmt;
    return {
      ...ddl,
      drop: {
        objects: (objects ?? []).map(droppedName),
        missingOk: missingOk === true,
        cascade: behavior === 'DROP_CASCADE',
        tableKind: note.tableKind,
      },
    };
  }
  if ('AlterTableStmt' in node && ddl.objectType === 'table') {
    const { relation, missing_ok: missingOk } = node.AlterTableStmt;
    return {
      ...ddl,
      alterTable: {
        name: relationName(relation),
        missingOk: missingOk === true,
        setOptions: options.set,
        resetOptions: options.reset,
        optionsOnly: options.onlyOurs,
      },
    };
  }
  if ('TruncateStmt' in node) {
    const { relations, restart_seqs: restart, behavior } = node.TruncateStmt;
    return {
      ...ddl,
      truncate: {
        tables: relationNames(relations),
        restartSequences: restart === true,
        cascade: behavior === 'DROP_CASCADE',
      },
    };
  }
  return ddl;
}

/** CREATE TABLE AS and CREATE MATERIALIZED VIEW. The inner statement ends before WITH [NO] DATA. */
function classifyTableAs(
  node: Extract<Node, { CreateTableAsStmt: unknown }>,
  context: StatementContext,
): DdlStatement {
  const { common, tokens, inner } = context;
  const { into, objtype, if_not_exists: ifNotExists } = node.CreateTableAsStmt;
  const materialized = objtype === 'OBJECT_MATVIEW';
  const all = tokens();
  const words = all.slice(-3).map((token) => token.word);
  let end = all.length;
  if (words.at(-1) === 'data' && words.at(-2) === 'with') end -= 2;
  else if (words.at(-1) === 'data' && words.at(-2) === 'no' && words.at(-3) === 'with') end -= 3;
  const first = all[keywordIndex(all, 'as', 2) + 1]!;
  const innerStatement = inner(first.start, end === all.length ? undefined : all[end]!.start);
  if (materialized) {
    return {
      ...common,
      class: 'ddl',
      kind: 'create',
      objectType: 'materialized view',
      tag: 'CREATE MATERIALIZED VIEW',
    };
  }
  return tableAs(context, into, ifNotExists === true, innerStatement, 'CREATE TABLE AS');
}

function tableAs(
  { common, note, options }: StatementContext,
  into: SelectStmt['intoClause'],
  ifNotExists: boolean,
  inner: Statement,
  tag: string,
): DdlStatement {
  const table: TableRecord = {
    name: relationName(into?.rel),
    ifNotExists,
    temporary: into?.rel?.relpersistence === 't',
    kind: tableKindOf(options.set, note.tableKind),
    options: options.set,
    tablespace: into?.tableSpaceName,
    inner,
    noData: into?.skipData === true,
  };
  return { ...common, class: 'ddl', kind: 'create', objectType: 'table', tag, table };
}

const intoWords: ReadonlySet<string> = new Set([
  'temporary',
  'temp',
  'local',
  'global',
  'unlogged',
  'table',
]);

/** Index past the target of the INTO at `into`: SELECT … INTO [TEMP] [TABLE] a.b. */
function pastTarget(tokens: readonly Token[], into: number): number {
  let at = into + 1;
  while (intoWords.has(tokens[at]?.word ?? '')) at++;
  at++;
  while (tokens[at]?.word === '.') at += 2;
  return at;
}

function classifySelectInto(select: SelectStmt, context: StatementContext): DdlStatement {
  const all = context.tokens();
  const into = keywordIndex(all, 'into');
  // Within parentheses INTO cannot be cut out here.
  if (into < 0) throw notSupported('SELECT INTO within parentheses');
  const after = all[pastTarget(all, into)];
  const inner = context.inner(0, undefined, {
    start: all[into]!.start,
    end: after?.start ?? context.common.text.length,
    text: '',
  });
  return tableAs(context, intoOf(select), false, inner, 'SELECT INTO');
}
