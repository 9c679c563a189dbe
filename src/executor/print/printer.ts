import { assert } from '../../base/index.ts';
import type {
  Expr,
  FromItem,
  Query,
  RangeTblRef,
  SetOperation,
  SortGroupClause,
  TargetEntry,
} from '../../analyzer/tree.ts';
import type {
  Dialect,
  PrintEnvironment,
  Printed,
  PrintedQuery,
  PrintedRte,
  Printer,
  Scope,
} from './dialect.ts';
import { Unprintable } from './dialect.ts';
import { printGroupBy } from './group-by.ts';
import { printRte } from './range-table.ts';
import { printWindows } from './windows.ts';

/** pgtide's own system columns (SystemColumn) are below PostgreSQL's. */
const ownAttnoMax = -100;

/** Deparses a Query as ruleutils.c does, in one of two dialects. Throws Unprintable. */
export function printQuery(query: Query, dialect: Dialect, env: PrintEnvironment): PrintedQuery {
  return makePrinter(dialect, env).query(query, undefined);
}

/** A single expression without a query around it (Vars are refused by the assertion on scopes). */
function makePrinter(dialect: Dialect, env: PrintEnvironment): Printer {
  let aliases = 0;
  const printer: Printer = {
    env,
    query: (query, parent, names) => printLevel(query, parent, names, dialect, printer),
    expr: (expr, scope) => printExpr(expr, scope, dialect, printer),
    windowName: (winref) => `w${winref}`,
    freshAlias: () => `t${++aliases}`,
  };
  return printer;
}

function printExpr(expr: Expr, scope: Scope, dialect: Dialect, printer: Printer): Printed {
  switch (expr.kind) {
    case 'var':
      return printVar(expr, scope, dialect, printer);
    case 'caseTest': {
      const test = scope.caseTests.at(-1);
      assert(test, 'a CaseTestExpr stands inside what it tests');
      return test;
    }
    case 'param':
      if (expr.paramKind === 'sublink') {
        const column = scope.subLinkColumns.at(-1)?.get(expr.id);
        assert(column, 'a sublink Param stands inside its test expression');
        return column;
      }
      return dialect.expr(expr, scope, printer);
    case 'aggref':
    case 'grouping': {
      const level = ancestor(scope, expr.levelsUp);
      level.aggregateDepth++;
      try {
        return dialect.expr(expr, scope, printer);
      } finally {
        level.aggregateDepth--;
      }
    }
    default:
      return dialect.expr(expr, scope, printer);
  }
}

function ancestor(scope: Scope, levelsUp: number): Scope {
  let level: Scope | undefined = scope;
  for (let up = 0; up < levelsUp; up++) level = level?.parent;
  assert(level, 'a reference stays within the query');
  return level;
}

function printVar(
  expr: Extract<Expr, { kind: 'var' }>,
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): Printed {
  if (expr.returning !== 'default') throw new Unprintable('RETURNING OLD or NEW');
  const level = ancestor(scope, expr.levelsUp);
  const rte = level.query.rtable[expr.varno - 1];
  assert(rte, 'a Var points into the range table');
  if (rte.rteKind === 'join') {
    if (expr.attno === 0) throw new Unprintable('a whole-row reference to a join');
    const stands = rte.aliasVars[expr.attno - 1];
    assert(stands, 'a join column stands for something');
    return printer.expr(stands, level);
  }
  if (rte.rteKind === 'group') {
    const stands = rte.groupExprs[expr.attno - 1];
    assert(stands, 'a grouping column stands for something');
    // The grouped expression itself is no restricted reference.
    level.aggregateDepth++;
    try {
      return printer.expr(stands, level);
    } finally {
      level.aggregateDepth--;
    }
  }
  if (expr.attno < 0 && expr.attno > ownAttnoMax)
    throw new Unprintable('a system column of PostgreSQL');
  const printed = level.rtes[expr.varno - 1];
  assert(printed, 'FROM is printed before what refers to it');
  const column =
    expr.attno === 0 && rte.rteKind !== 'relation'
      ? dialect.wholeRow(printed, rte, expr.typeOid, printer)
      : printed.column(expr.attno);
  if (!level.restricted || level.aggregateDepth > 0) return column;
  // Functionally dependent on the grouping columns: the printed source has no primary key to prove it.
  return { ...column, sql: `any_value(${column.sql})` };
}

function printLevel(
  query: Query,
  parent: Scope | undefined,
  names: readonly string[] | undefined,
  dialect: Dialect,
  printer: Printer,
): PrintedQuery {
  if (query.commandType !== 'select') throw new Unprintable(`${query.commandType} as a sub-query`);
  dialect.checkQuery(query);
  const scope: Scope = {
    parent,
    query,
    rtes: query.rtable.map(() => undefined),
    ctes: new Map(),
    aggregateDepth: 0,
    restricted: false,
    caseTests: [],
    subLinkColumns: [],
  };
  const withClause = printCtes(query, scope, dialect, printer);
  const outputs = query.targetList.filter((target) => !target.junk);
  const columnNames = names ?? outputs.map((_, index) => `c${index + 1}`);
  const body = query.setOperations
    ? printSetOperation(query.setOperations, scope, dialect, printer)
    : printSelect(query, outputs, columnNames, scope, dialect, printer);
  const distinct = query.distinctClause.length > 0 && !query.hasDistinctOn;
  const columnKeys = query.setOperations !== undefined || distinct;
  const order = printOrderBy(
    query,
    outputs,
    scope,
    dialect,
    printer,
    body.types,
    columnNames,
    columnKeys,
  );
  const limit = dialect.limit(query, scope, printer);
  let sql = body.sql;
  if (order.around !== undefined) {
    const list = columnNames.map((name) => `${order.around}.${name}`).join(', ');
    sql = `SELECT ${list} FROM (${sql}) AS ${order.around}(${columnNames.join(', ')})`;
  }
  return { sql: withClause + sql + order.sql + limit, types: body.types };
}

function printCtes(query: Query, scope: Scope, dialect: Dialect, printer: Printer): string {
  if (query.cteList.length === 0) return '';
  const parts: string[] = [];
  for (const cte of query.cteList) {
    const printed = {
      name: `w${printer.freshAlias()}`,
      cte,
      columns: undefined as PrintedQuery['types'] | undefined,
    };
    scope.ctes.set(cte.name, printed);
    const columns = cte.columnNames.map((_, index) => `c${index + 1}`);
    if (!cte.recursive) scope.ctes.delete(cte.name);
    const inner = printer.query(cte.query, scope, columns);
    scope.ctes.set(cte.name, printed);
    if (cte.recursive) {
      const declared = cte.columnTypes.map((oid, at) =>
        dialect.declaredType(oid, cte.columnTypmods[at] ?? -1),
      );
      declared.forEach((type, at) =>
        dialect.commonType([type, inner.types[at]], 'a recursive term'),
      );
    }
    printed.columns = inner.types;
    const materialized =
      cte.materialized === 'always'
        ? ' MATERIALIZED'
        : cte.materialized === 'never'
          ? ' NOT MATERIALIZED'
          : '';
    parts.push(`${printed.name}(${columns.join(', ')}) AS${materialized} (${inner.sql})`);
  }
  return `WITH ${query.hasRecursive ? 'RECURSIVE ' : ''}${parts.join(', ')} `;
}

function printSetOperation(
  node: SetOperation | RangeTblRef,
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): PrintedQuery {
  if (node.kind === 'ref') {
    const rte = scope.query.rtable[node.rtindex - 1];
    assert(rte?.rteKind === 'subquery', 'a set operation branches into sub-queries');
    return printer.query(rte.query, scope);
  }
  const left = printSetOperation(node.left, scope, dialect, printer);
  const right = printSetOperation(node.right, scope, dialect, printer);
  const words = `${node.op.toUpperCase()}${node.all ? ' ALL' : ''}`;
  const types = node.columnTypes.map((_, at) =>
    dialect.commonType([left.types[at], right.types[at]], `${words} of numerics of unlike scale`),
  );
  if (!node.all || node.op !== 'union') {
    for (const type of types) dialect.checkKey({ sql: words, type }, undefined, false);
  }
  return { sql: `(${left.sql}) ${words} (${right.sql})`, types };
}

function printSelect(
  query: Query,
  outputs: readonly TargetEntry[],
  names: readonly string[],
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): PrintedQuery {
  const from = query.jointree.items.map((item) => printFrom(item, scope, dialect, printer));
  const where = query.jointree.quals
    ? ` WHERE ${printer.expr(query.jointree.quals, scope).sql}`
    : '';
  const groupBy = printGroupBy(query, scope, dialect, printer);
  scope.restricted = query.groupClause.length > 0 || query.groupingSets.length > 0;
  const targets = outputs.map((target) => printer.expr(target.expr, scope));
  let distinct = '';
  if (query.hasDistinctOn) {
    distinct = ` DISTINCT ON (${sortKeys(query, query.distinctClause, scope, dialect, printer).join(', ')})`;
  } else if (query.distinctClause.length > 0) {
    distinct = ' DISTINCT';
    targets.forEach((target, at) => dialect.checkKey(target, outputs[at], false));
  }
  const list = targets.map((target, at) => `${target.sql} AS ${names[at]}`).join(', ');
  const having = query.havingQual ? ` HAVING ${printer.expr(query.havingQual, scope).sql}` : '';
  const windows = printWindows(query, scope, dialect, printer);
  return {
    sql: `SELECT${distinct} ${list}${from.length > 0 ? ` FROM ${from.join(', ')}` : ''}${where}${groupBy}${having}${windows}`,
    types: targets.map((target) => target.type),
  };
}

function targetOf(query: Query, ref: number): TargetEntry {
  const target = query.targetList.find((entry) => entry.sortGroupRef === ref);
  assert(target, 'a sort or group clause refers to a target');
  return target;
}

function sortKeys(
  query: Query,
  clauses: readonly SortGroupClause[],
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): string[] {
  return clauses.map((clause) => {
    const target = targetOf(query, clause.ref);
    const key = printer.expr(target.expr, scope);
    dialect.checkKey(key, target, false);
    return key.sql;
  });
}

/**
 * ` ORDER BY …`. Output columns are named by position: an expression might be volatile, and a name might be taken. Keys that the
 * dialect wants apart from the column are expressions; where only columns may be keys (`columnKeys`), they are so in a query
 * around this one, under the alias `around`.
 */
function printOrderBy(
  query: Query,
  outputs: readonly TargetEntry[],
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
  types: PrintedQuery['types'],
  names: readonly string[],
  columnKeys: boolean,
): { readonly sql: string; readonly around: string | undefined } {
  if (query.sortClause.length === 0) return { sql: '', around: undefined };
  let around: string | undefined;
  const keys = query.sortClause.map((clause) => {
    const target = targetOf(query, clause.ref);
    const position = outputs.indexOf(target);
    let key: Printed;
    if (position >= 0) {
      key = { sql: String(position + 1), type: types[position] };
      dialect.checkKey(key, target, true);
      if (dialect.keyApart(key) !== key.sql) {
        if (columnKeys) around ??= printer.freshAlias();
        const sql = around ? `${around}.${names[position]}` : printer.expr(target.expr, scope).sql;
        key = { sql: dialect.keyApart({ ...key, sql }), type: key.type };
      }
    } else {
      const printed = printer.expr(target.expr, scope);
      dialect.checkKey(printed, target, true);
      key = { ...printed, sql: dialect.keyApart(printed) };
    }
    return `${dialect.sortKey(key.sql, clause, printer)} NULLS ${clause.nullsFirst ? 'FIRST' : 'LAST'}`;
  });
  return { sql: ` ORDER BY ${keys.join(', ')}`, around };
}

const joinWords = {
  inner: 'JOIN',
  left: 'LEFT JOIN',
  right: 'RIGHT JOIN',
  full: 'FULL JOIN',
} as const;

function printFrom(item: FromItem, scope: Scope, dialect: Dialect, printer: Printer): string {
  if (item.kind === 'ref') return printAliased(item.rtindex, scope, dialect, printer);
  if (item.kind === 'from') throw new Unprintable('a nested FROM list');
  const left = printFrom(item.left, scope, dialect, printer);
  const right = printFrom(item.right, scope, dialect, printer);
  if (item.joinType === 'semi' || item.joinType === 'anti') {
    throw new Unprintable(`a ${item.joinType} join`);
  }
  const quals = item.quals ? printer.expr(item.quals, scope).sql : 'TRUE';
  return `(${left} ${joinWords[item.joinType]} ${right} ON ${quals})`;
}

function printAliased(rtindex: number, scope: Scope, dialect: Dialect, printer: Printer): string {
  const rte = scope.query.rtable[rtindex - 1];
  assert(rte, 'FROM points into the range table');
  const alias = printer.freshAlias();
  const printed = printRte(rte, rtindex, alias, scope, dialect, printer);
  const under = (name: string): PrintedRte => ({
    alias: name,
    names: printed.names,
    column: (attno) => {
      const column = printed.column(attno);
      return { sql: `${name}.${column.name}`, type: column.type, finite: column.finite };
    },
  });
  if (rte.securityQuals.length === 0) {
    scope.rtes[rtindex - 1] = under(alias);
    return printed.sql;
  }
  // The quals see the relation under its inner alias; everything else sees what passed them.
  scope.rtes[rtindex - 1] = under(alias);
  const quals = rte.securityQuals.map((qual) => printer.expr(qual, scope).sql).join(' AND ');
  const outer = printer.freshAlias();
  scope.rtes[rtindex - 1] = under(outer);
  return `(SELECT ${alias}.* FROM ${printed.sql} WHERE ${quals}${dialect.barrier}) AS ${outer}`;
}
