import type { Expr, VarExpr } from '../../analyzer/tree.ts';
import type {
  ScanOptions,
  ScanPredicate,
  ScanStats,
  StoredIndex,
  StoredRow,
} from '../../storage/types.ts';
import type { Value } from '../../types/value.ts';
import { scopeOf, scopeTitle } from '../scan-scope.ts';
import { columnTest, conversion, predicateValues, staticPredicates } from './access-path.ts';
import { compileExpr } from './compile-expr.ts';
import { createFrame } from './frame.ts';
import type { Environment, Evaluator, Frame, SlotRow } from './frame.ts';
import { hashKeyOf, sharedHashKey } from './hash-key.ts';
import type { HashKey } from './hash-key.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import { relationLeaf } from './relation-leaf.ts';
import { resolveJoinVar } from './scope.ts';
import type { RelationLeaf, Scope } from './scope.ts';
import type { Source } from './source.ts';
import { varnosOf } from './walk.ts';

/** A stored table as a source. Its rows are read ahead of the run, or streamed when it drives the query. */
export interface RelationSource extends Source {
  readonly leaf: RelationLeaf;
  /** Storage's answer for this execution, in batches; rows may be more than the predicates allow. */
  fetch(environment: Environment): AsyncIterable<readonly StoredRow[]>;
  /** The keys to read, when whole primary keys are given; undefined: not such a query. */
  pointKey(environment: Environment): PointRead | undefined;
  /** Set while compiling, where only rows with these values can matter. */
  lookup: Lookup | undefined;
}

/** How a driving row of the outermost level tells which of this table's rows it needs: `column = value` each. */
export interface Lookup {
  /** rtindex of the driving row. */
  readonly varno: number;
  readonly columns: readonly {
    readonly columnId: number;
    /** Over a frame of the outermost level. */
    readonly value: Evaluator;
    readonly convert: (value: Value) => Value | undefined;
  }[];
}

export interface PointRead {
  readonly userId: string;
  readonly keys: readonly (readonly Value[])[];
}

export function createRelationSource(
  varno: number,
  quals: readonly Expr[],
  scope: Scope,
): RelationSource {
  const leaf = relationLeaf(varno, scope);
  const predicates = staticPredicates(quals, varno, leaf, scope);
  const probe = outerProbe(varno, quals, leaf, scope);
  const { stored } = leaf.table;
  // Predicates read no row, so any frame will do to compute them.
  const valuesFor = (environment: Environment): ScanPredicate[] | undefined =>
    predicateValues(predicates, createFrame(0, undefined, environment));
  const source: RelationSource = {
    leaf,
    varno,
    relation: undefined,
    lookup: probe?.lookup,
    rows(frame) {
      const all = frame.environment.loaded.get(leaf) ?? [];
      return probe ? probe.find(all, frame) : all;
    },
    pointKey(environment) {
      if (environment.context.rowsInstead?.has(leaf.rte) === true) return undefined;
      const values = valuesFor(environment);
      if (!values) return { userId: '', keys: [] };
      return pointRead(leaf, environment, values);
    },
    async *fetch(environment) {
      const instead = environment.context.rowsInstead?.get(leaf.rte);
      if (instead) {
        yield instead;
        return;
      }
      const values = valuesFor(environment);
      if (!values) return;
      const { transaction, scanReports, statement, signal } = environment.context;
      const storageScope = scopeOf(leaf, environment.context);
      const stats: ScanStats = { hotRows: 0, coldRows: 0, filesKnown: 0, filesOpened: 0 };
      scanReports?.push(
        Object.assign(stats, {
          table: `${stored.namespace}.${stored.name}`,
          scope: scopeTitle(storageScope),
        }),
      );
      const point = pointRead(leaf, environment, values);
      if (point) {
        const rows: StoredRow[] = [];
        for (const key of point.keys) {
          // Each key looks among the same files; the cold tier counts the rows that it gives.
          const one: ScanStats = { hotRows: 0, coldRows: 0, filesKnown: 0, filesOpened: 0 };
          const row = await transaction.get(stored, point.userId, key, { stats: one });
          stats.filesKnown = Math.max(stats.filesKnown, one.filesKnown);
          stats.filesOpened += one.filesOpened;
          stats.coldRows += one.coldRows;
          if (row) {
            if (row.tier === 'hot') stats.hotRows++;
            rows.push(row);
          }
        }
        if (rows.length > 0) yield rows;
        return;
      }
      const { includeDeleted } = statement;
      const indexed = storageScope.kind === 'one' ? indexFor(leaf, values) : undefined;
      if (indexed && storageScope.kind === 'one') {
        const options = { includeDeleted, stats };
        const { index, key } = indexed;
        yield* transaction.indexLookup(stored, index, storageScope.userId, key, options);
        return;
      }
      const options: ScanOptions = {
        scope: storageScope,
        predicates: values,
        columns: [...leaf.attnos].sort((a, b) => a - b),
        includeDeleted,
        signal,
        stats,
      };
      yield* transaction.scan(stored, options);
    },
  };
  scope.compiler.sources.push(source);
  return Object.assign(source, { relation: source });
}

/** Keys of an `in` list beyond which a scan is no worse than single reads. */
const pointKeysMax = 1000;

function pointRead(
  leaf: RelationLeaf,
  environment: Environment,
  values: readonly ScanPredicate[],
): PointRead | undefined {
  const { stored } = leaf.table;
  const { primaryKey } = stored;
  const scope = scopeOf(leaf, environment.context);
  if (primaryKey.length === 0 || stored.kind === 'stream' || scope.kind === 'all') return undefined;
  if (environment.context.statement.includeDeleted) return undefined;
  const [only] = primaryKey;
  if (primaryKey.length === 1) {
    const list = values.find((item) => item.columnId === only && item.op === 'in');
    const single = values.find((item) => item.columnId === only && item.op === '=');
    if (single) return { userId: scope.userId, keys: [single.values] };
    if (!list || list.values.length > pointKeysMax) return undefined;
    return { userId: scope.userId, keys: distinctKeys(leaf, only!, list.values) };
  }
  const key: Value[] = [];
  for (const column of primaryKey) {
    const equal = values.find((item) => item.columnId === column && item.op === '=');
    if (!equal) return undefined;
    key.push(equal.values[0]!);
  }
  return { userId: scope.userId, keys: [key] };
}

/** Values that the column holds equal (1.0 and 1.00) find the same row, which must come once. */
function distinctKeys(leaf: RelationLeaf, column: number, values: readonly Value[]): Value[][] {
  const keyOf = columnKey(leaf, column);
  return [...new Map(values.map((value) => [keyOf(value), [value]])).values()];
}

function columnKey(leaf: RelationLeaf, column: number): (value: Value) => HashKey {
  return hashKeyOf(leaf.table.columns[leaf.table.positionOf[column]!]!.storedTypeOid);
}

/** The index with the longest prefix of equalities; a unique one fully given wins. */
function indexFor(
  leaf: RelationLeaf,
  values: readonly ScanPredicate[],
): { index: StoredIndex; key: Value[] } | undefined {
  let best: { index: StoredIndex; key: Value[] } | undefined;
  for (const index of leaf.table.stored.indexes) {
    const key: Value[] = [];
    for (const column of index.columns) {
      const equal = values.find((item) => item.columnId === column && item.op === '=');
      if (!equal) break;
      key.push(equal.values[0]!);
    }
    if (key.length > (best?.key.length ?? 0)) best = { index, key };
  }
  return best;
}

interface OuterProbe {
  find(all: readonly SlotRow[], frame: Frame): readonly SlotRow[];
  readonly lookup: Lookup | undefined;
}

/** When the outer row is the outermost level's. */
function outerLookup(column: VarExpr, value: Expr, scope: Scope): Lookup | undefined {
  const { parent } = scope;
  if (!parent || parent.parent) return undefined;
  const bare = value.kind === 'relabel' ? value.arg : value;
  if (bare.kind !== 'var' || bare.levelsUp !== 1) return undefined;
  const outer = resolveJoinVar(parent.rtable, { ...bare, levelsUp: 0 });
  return outer.kind === 'var' ? lookupOf([[column, outer]], parent) : undefined;
}

/** Pairs of this table's column and the outermost level's column that it must equal. */
export function lookupOf(
  pairs: readonly (readonly [column: VarExpr, outer: VarExpr])[],
  outermost: Scope,
): Lookup | undefined {
  const varno = pairs[0]![1].varno;
  const columns: Lookup['columns'][number][] = [];
  for (const [column, outer] of pairs) {
    const convert = conversion(column.typeOid, outer.typeOid, '=');
    if (!convert || outer.varno !== varno || outer.attno <= 0 || column.attno <= 0)
      return undefined;
    columns.push({ columnId: column.attno, value: compileExpr(outer, outermost), convert });
  }
  return { varno, columns };
}

/**
 * `column = value of an outer row`, in a correlated sub-query: the table's rows are put into a hash table once, so that
 * each outer row finds its own without going through all.
 */
function outerProbe(
  varno: number,
  quals: readonly Expr[],
  leaf: RelationLeaf,
  scope: Scope,
): OuterProbe | undefined {
  for (const qual of quals) {
    const test = columnTest(qual, varno, scope);
    if (test?.op !== '=' || varnosOf(test.value, scope.rtable).size > 0) continue;
    if (!isOuterOnly(test.value)) continue;
    const keys = sharedHashKey(test.column.typeOid, test.valueType);
    const position = leaf.table.positionOf[test.column.attno] ?? -1;
    if (!keys || position < 0) continue;
    return {
      find: hashProbe(position, keys, compileExpr(test.value, scope)),
      lookup: outerLookup(test.column, test.value, scope),
    };
  }
  return undefined;
}

function isOuterOnly(expr: Expr): boolean {
  return expr.kind === 'var' ? expr.levelsUp > 0 : expr.kind === 'relabel' && isOuterOnly(expr.arg);
}

function hashProbe(
  position: number,
  [columnKey, valueKey]: readonly [(value: Value) => HashKey, (value: Value) => HashKey],
  value: Evaluator,
): (all: readonly SlotRow[], frame: Frame) => readonly SlotRow[] {
  const tables = new WeakMap<readonly SlotRow[], Map<HashKey, SlotRow[]>>();
  const build = (all: readonly SlotRow[]): Map<HashKey, SlotRow[]> => {
    const table = new Map<HashKey, SlotRow[]>();
    for (const row of all) {
      const own = row.values[position]!;
      if (own === null) continue;
      const key = columnKey(own);
      const bucket = table.get(key);
      if (bucket) bucket.push(row);
      else table.set(key, [row]);
    }
    tables.set(all, table);
    return table;
  };
  return (all, frame) => {
    if (all.length === 0) return all;
    const wanted = value(frame);
    if (wanted === null) return [];
    return (tables.get(all) ?? build(all)).get(valueKey(wanted)) ?? [];
  };
}

/** Reads a relation's rows ahead into the environment. */
export async function loadRelation(
  source: RelationSource,
  environment: Environment,
): Promise<void> {
  const rows: StoredRow[] = [];
  for await (const batch of source.fetch(environment)) {
    environment.context.signal.throwIfAborted();
    for (const row of batch) rows.push(row);
    if (rows.length > workRowsMax) throw tooManyRows(`reading ${source.leaf.table.stored.name}`);
  }
  environment.loaded.set(source.leaf, rows);
}

/**
 * Reads only the rows that the driving rows point at, by primary key or index; false: neither serves, and the caller has to
 * read the table. `frame` is one of the outermost level.
 */
export async function loadByLookup(
  source: RelationSource,
  drivers: readonly SlotRow[],
  frame: Frame,
): Promise<boolean> {
  const { leaf, lookup } = source;
  const { environment } = frame;
  if (environment.context.rowsInstead?.has(leaf.rte) === true) return false;
  const scope = scopeOf(leaf, environment.context);
  if (!lookup || scope.kind === 'all') return false;
  const path = lookupPath(leaf, lookup, environment);
  if (!path) return false;
  const { transaction, statement } = environment.context;
  const { stored } = leaf.table;
  const { includeDeleted } = statement;
  const rows: StoredRow[] = [];
  for (const key of lookupKeys(source, lookup, path.order, drivers, frame)) {
    environment.context.signal.throwIfAborted();
    if (!path.index) {
      const row = await transaction.get(stored, scope.userId, key);
      if (row) rows.push(row);
      continue;
    }
    const found = transaction.indexLookup(stored, path.index, scope.userId, key, {
      includeDeleted,
    });
    for await (const batch of found) {
      for (const row of batch) rows.push(row);
      if (rows.length > workRowsMax) throw tooManyRows(`reading ${stored.name}`);
    }
  }
  environment.loaded.set(leaf, rows);
  return true;
}

/** The primary key, when all of it is given, or the first index whose leading columns are; and the columns in key order. */
function lookupPath(
  leaf: RelationLeaf,
  lookup: Lookup,
  environment: Environment,
): { index: StoredIndex | undefined; order: readonly number[] } | undefined {
  const { stored } = leaf.table;
  const given = (column: number): boolean =>
    lookup.columns.some((item) => item.columnId === column);
  const { primaryKey } = stored;
  const whole = primaryKey.length > 0 && stored.kind !== 'stream' && primaryKey.every(given);
  if (whole && !environment.context.statement.includeDeleted) {
    return { index: undefined, order: primaryKey };
  }
  for (const index of stored.indexes) {
    const missing = index.columns.findIndex((column) => !given(column));
    const order = missing < 0 ? index.columns : index.columns.slice(0, missing);
    if (order.length > 0) return { index, order };
  }
  return undefined;
}

/** The distinct keys of the driving rows, without those that equal nothing. */
function lookupKeys(
  { leaf }: RelationSource,
  lookup: Lookup,
  order: readonly number[],
  drivers: readonly SlotRow[],
  frame: Frame,
): Iterable<readonly Value[]> {
  const parts = order.map((column) => ({
    ...lookup.columns.find((item) => item.columnId === column)!,
    keyOf: columnKey(leaf, column),
  }));
  const keys = new Map<string, readonly Value[]>();
  for (const row of drivers) {
    frame.tuple[lookup.varno] = row;
    const key: Value[] = [];
    for (const { value, convert } of parts) {
      const own = value(frame);
      const converted = own === null ? undefined : convert(own);
      if (converted === undefined) break;
      key.push(converted);
    }
    if (key.length === parts.length) {
      const texts = key.map((part, i) => String(parts[i]!.keyOf(part)));
      keys.set(JSON.stringify(texts), key);
    }
  }
  return keys.values();
}
