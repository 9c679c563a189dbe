/**
 * Bare system columns: `_seq` becomes `m._seq`, which PostgreSQL's attribute notation resolves to `_seq(m)`. Name
 * resolution follows PostgreSQL's (parse_relation.c): the innermost query level that can mean the column decides.
 */
import type { Node, RangeVar } from 'libpg-query';
import { PgError, SqlState } from '../base/index.ts';
import { quoteName } from './names.ts';
import { stringValue } from './node-access.ts';
import { applyEdits, byteOffsets, positionOf } from './offsets.ts';
import type { Edit } from './offsets.ts';
import { withText } from './parse.ts';
import type { Statement } from './statement.ts';
import type { TableKind } from './sugar.ts';

/** The kind of a stored table, undefined when the name is something else. Without a schema, search_path decides. */
export type StoredTableLookup = (schema: string | undefined, name: string) => TableKind | undefined;

const systemWords = /_(?:seq|updated|deleted|user_id)\b/i;

const columnsOf: Readonly<Record<TableKind, ReadonlySet<string>>> = {
  user: new Set(['_seq', '_updated', '_deleted', '_user_id']),
  shared: new Set(['_seq', '_updated', '_deleted']),
  stream: new Set(['_seq']),
};

function isSystemColumn(name: string | undefined): name is string {
  return name !== undefined && columnsOf.user.has(name);
}

/** Something in FROM that a bare name may mean a column of. */
interface Source {
  /** How to write it in front of the column. */
  readonly alias: string;
  /** System columns of the table, or columns of these names that a sub-query gives. */
  readonly columns: ReadonlySet<string>;
  /** Not a stored table: the column is its own and PostgreSQL finds it. */
  readonly plain: boolean;
}

/** One query level; outer ones are looked into when it has nothing. */
interface Level {
  readonly sources: readonly Source[];
  readonly outer: Level | undefined;
  /** Names of WITH queries, which hide tables, and the columns among ours that they give. */
  readonly ctes: ReadonlyMap<string, ReadonlySet<string>>;
}

type Fields = Readonly<Record<string, unknown>>;

const noLevel: Level = { sources: [], outer: undefined, ctes: new Map() };
const noColumns: ReadonlySet<string> = new Set();

interface Walk {
  readonly lookup: StoredTableLookup;
  readonly offset: (byte: number) => number;
  readonly text: string;
  readonly edits: Edit[];
}

/**
 * The statement with every bare system column qualified; the same object when there is none.
 * @throws PgError 42702 when several tables of the level can mean it; 428C9 when one is assigned
 */
export function qualifySystemColumns(statement: Statement, lookup: StoredTableLookup): Statement {
  const { text, node } = statement;
  if (!systemWords.test(text)) return statement;
  const walk: Walk = { lookup, offset: byteOffsets(text), text, edits: [] };
  try {
    visit(node, noLevel, walk);
  } catch (error) {
    if (!(error instanceof PgError) || error.report.position === undefined) throw error;
    const { code, message, position, ...fields } = error.report;
    throw new PgError(code, message, { ...fields, position: statement.sourcePosition(position) });
  }
  if (walk.edits.length === 0) return statement;
  const edited = applyEdits(text, walk.edits);
  return withText(statement, edited.text, edited.toOld);
}

function errorAt(walk: Walk, code: string, message: string, byte: number | undefined): PgError {
  const position = byte === undefined ? undefined : positionOf(walk.text, walk.offset(byte));
  return new PgError(code, message, { position });
}

/** Any part of the tree, read in `level`. */
function visit(value: unknown, level: Level, walk: Walk): void {
  if (Array.isArray(value)) {
    for (const element of value) visit(element, level, walk);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [tag, inner] of Object.entries(value)) {
    if (typeof inner !== 'object' || inner === null) continue;
    switch (tag) {
      case 'SelectStmt':
        visitSelect(inner as Fields, level, walk);
        break;
      case 'InsertStmt':
      case 'UpdateStmt':
      case 'DeleteStmt':
        visitModify(tag, inner as Fields, level, walk);
        break;
      case 'CreatePolicyStmt':
      case 'AlterPolicyStmt': {
        const { table, ...rest } = inner as { table?: RangeVar };
        const sources = table === undefined ? [] : relationSource(table, level, walk);
        visit(rest, { ...level, sources }, walk);
        break;
      }
      case 'ColumnRef':
        visitColumn(inner as { fields?: Node[]; location?: number }, level, walk);
        break;
      default:
        visit(inner, level, walk);
    }
  }
}

function visitColumn(
  { fields, location }: { fields?: Node[]; location?: number },
  level: Level,
  walk: Walk,
): void {
  const name = fields?.length === 1 ? stringValue(fields[0]) : undefined;
  if (!isSystemColumn(name)) return;
  for (let at: Level | undefined = level; at !== undefined; at = at.outer) {
    const candidates = at.sources.filter((source) => source.columns.has(name));
    if (candidates.length === 0) continue;
    if (candidates.length > 1) {
      throw errorAt(
        walk,
        SqlState.ambiguousColumn,
        `column reference "${name}" is ambiguous`,
        location,
      );
    }
    const { alias, plain } = candidates[0]!;
    const start = walk.offset(location ?? 0);
    if (!plain) walk.edits.push({ start, end: start, text: `${quoteName(alias)}.` });
    return;
  }
}

function list(fields: Fields, name: string): readonly Node[] {
  return (fields[name] as readonly Node[] | undefined) ?? [];
}

/** The level's WITH queries, each visited where the earlier ones (all, when recursive) are known. */
function withCtes(fields: Fields, level: Level, walk: Walk): Level {
  const clause = fields['withClause'] as { ctes?: Node[]; recursive?: boolean } | undefined;
  if (clause === undefined) return level;
  const ctes = new Map(level.ctes);
  const all = (clause.ctes ?? []).flatMap((node) =>
    'CommonTableExpr' in node ? [node.CommonTableExpr] : [],
  );
  const columns = (cte: (typeof all)[number]): ReadonlySet<string> =>
    cte.aliascolnames === undefined
      ? outputColumns(cte.ctequery)
      : new Set(
          cte.aliascolnames.flatMap((name) => stringValue(name) ?? []).filter(isSystemColumn),
        );
  if (clause.recursive === true) for (const cte of all) ctes.set(cte.ctename ?? '', columns(cte));
  for (const cte of all) {
    // WITH queries see outer levels only, never their siblings in FROM.
    visit(cte.ctequery, { sources: [], outer: level, ctes: new Map(ctes) }, walk);
    ctes.set(cte.ctename ?? '', columns(cte));
  }
  return { ...level, ctes };
}

/** Names among the system columns that a query gives as output. */
function outputColumns(query: Node | undefined): ReadonlySet<string> {
  if (query === undefined) return noColumns;
  let targets: readonly Node[] = [];
  if ('SelectStmt' in query) {
    let select = query.SelectStmt;
    while (select.larg !== undefined) select = select.larg;
    targets = select.targetList ?? [];
  } else {
    const [fields] = Object.values(query) as { returningClause?: { exprs?: Node[] } }[];
    targets = fields?.returningClause?.exprs ?? [];
  }
  const names = new Set<string>();
  for (const target of targets) {
    if (!('ResTarget' in target)) continue;
    const { name, val } = target.ResTarget;
    const last = val !== undefined && 'ColumnRef' in val ? val.ColumnRef.fields?.at(-1) : undefined;
    const output = name ?? stringValue(last);
    if (isSystemColumn(output)) names.add(output);
  }
  return names;
}

function relationSource(relation: RangeVar, level: Level, walk: Walk): readonly Source[] {
  const name = relation.relname ?? '';
  const alias = relation.alias?.aliasname ?? name;
  const cte = relation.schemaname === undefined ? level.ctes.get(name) : undefined;
  if (cte !== undefined) return [{ alias, columns: cte, plain: true }];
  const kind = walk.lookup(relation.schemaname, name);
  return kind === undefined ? [] : [{ alias, columns: columnsOf[kind], plain: false }];
}

/**
 * What a FROM item offers, visiting the expressions inside it. `siblings` are the items before it, which only LATERAL and
 * functions see; `outer` is the level around the query with the query's own WITH names.
 */
function visitFrom(
  item: Node,
  siblings: readonly Source[],
  outer: Level,
  walk: Walk,
): readonly Source[] {
  const lateral: Level = { ...outer, sources: siblings, outer };
  if ('RangeVar' in item) return relationSource(item.RangeVar, outer, walk);
  if ('RangeSubselect' in item) {
    const { subquery, alias, lateral: isLateral } = item.RangeSubselect;
    visit(subquery, isLateral === true ? lateral : outer, walk);
    const renamed = alias?.colnames
      ?.flatMap((name) => stringValue(name) ?? [])
      .filter(isSystemColumn);
    const columns = renamed === undefined ? outputColumns(subquery) : new Set(renamed);
    return [{ alias: alias?.aliasname ?? '', columns, plain: true }];
  }
  if ('JoinExpr' in item) {
    const { larg, rarg, quals, alias } = item.JoinExpr;
    const left = larg === undefined ? [] : visitFrom(larg, siblings, outer, walk);
    const right = rarg === undefined ? [] : visitFrom(rarg, [...siblings, ...left], outer, walk);
    const both = [...left, ...right];
    visit(quals, { ...outer, sources: both, outer }, walk);
    // An aliased join hides the tables in it.
    return alias === undefined ? both : [];
  }
  if ('RangeTableSample' in item) {
    const { relation, args, repeatable } = item.RangeTableSample;
    visit([args, repeatable], outer, walk);
    return relation === undefined ? [] : visitFrom(relation, siblings, outer, walk);
  }
  visit(item, lateral, walk);
  return [];
}

function fromSources(items: readonly Node[], outer: Level, walk: Walk): readonly Source[] {
  const sources: Source[] = [];
  for (const item of items) sources.push(...visitFrom(item, sources, outer, walk));
  return sources;
}

function visitSelect(select: Fields, around: Level, walk: Walk): void {
  const outer = withCtes(select, around, walk);
  if (select['larg'] !== undefined) {
    // A set operation: ORDER BY names its output.
    visitSelect(select['larg'] as Fields, outer, walk);
    visitSelect(select['rarg'] as Fields, outer, walk);
    visit([select['limitCount'], select['limitOffset']], outer, walk);
    return;
  }
  const sources = fromSources(list(select, 'fromClause'), outer, walk);
  const level: Level = { sources, outer, ctes: outer.ctes };
  const {
    withClause: _with,
    fromClause: _from,
    sortClause: _sort,
    distinctClause: _distinct,
    ...rest
  } = select;
  visit(rest, level, walk);
  const aliases = new Set(
    list(select, 'targetList').flatMap((target) =>
      'ResTarget' in target ? (target.ResTarget.name ?? []) : [],
    ),
  );
  for (const sort of list(select, 'sortClause')) {
    const key = 'SortBy' in sort ? sort.SortBy.node : sort;
    if (!namesOutput(key, aliases)) visit(key, level, walk);
  }
  for (const key of list(select, 'distinctClause'))
    if (!namesOutput(key, aliases)) visit(key, level, walk);
}

/** ORDER BY and DISTINCT ON prefer a name given with AS. */
function namesOutput(key: Node | undefined, aliases: ReadonlySet<string>): boolean {
  if (key === undefined || !('ColumnRef' in key)) return false;
  const { fields } = key.ColumnRef;
  const name = fields?.length === 1 ? stringValue(fields[0]) : undefined;
  return name !== undefined && aliases.has(name);
}

function refuseAssignment(targets: readonly Node[], table: readonly Source[], walk: Walk): void {
  for (const target of targets) {
    if (!('ResTarget' in target)) continue;
    const { name, location } = target.ResTarget;
    if (isSystemColumn(name) && table.some((source) => !source.plain && source.columns.has(name))) {
      throw errorAt(
        walk,
        SqlState.generatedAlways,
        `cannot assign to system column "${name}"`,
        location,
      );
    }
  }
}

function visitModify(tag: string, fields: Fields, around: Level, walk: Walk): void {
  const outer = withCtes(fields, around, walk);
  const relation = fields['relation'] as RangeVar | undefined;
  // The target is never a WITH query.
  const target =
    relation === undefined ? [] : relationSource(relation, { ...outer, ctes: new Map() }, walk);
  const level: Level = { sources: target, outer, ctes: outer.ctes };
  const { withClause: _with, relation: _relation, ...rest } = fields;
  if (tag === 'InsertStmt') {
    refuseAssignment(list(fields, 'cols'), target, walk);
    const { selectStmt, cols: _cols, ...others } = rest;
    visit(selectStmt, outer, walk);
    const conflict = others['onConflictClause'] as { targetList?: Node[] } | undefined;
    refuseAssignment(conflict?.targetList ?? [], target, walk);
    visit(others, level, walk);
    return;
  }
  if (tag === 'UpdateStmt') refuseAssignment(list(fields, 'targetList'), target, walk);
  const { fromClause: _from, usingClause: _using, ...others } = rest;
  const items = [...list(fields, 'fromClause'), ...list(fields, 'usingClause')];
  const sources = [...target, ...fromSources(items, outer, walk)];
  visit(others, { ...level, sources }, walk);
}
