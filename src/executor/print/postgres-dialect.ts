import { assert } from '../../base/index.ts';
import type { Expr, RangeTblEntry } from '../../analyzer/tree.ts';
import { Oid } from '../../types/oid.ts';
import type { StatementContext } from '../types.ts';
import type { Dialect, Printed, PrintedRte, Printer } from './dialect.ts';
import { Unprintable } from './dialect.ts';
import { quoteIdentifier, quoteLiteral, valueText } from './literal.ts';
import { makePostgresExpr } from './postgres-expr.ts';

export interface PostgresDialectOptions {
  /** Undefined at planning time: constants of the statement print as NULL. */
  readonly statement: StatementContext | undefined;
  /** The statement's text, for literals of types that are not decoded; undefined: take any such literal to be there. */
  readonly text: string | undefined;
}

/** A type's name for a cast; bare `character` and `bit` would mean a length of one. */
export function typeSql(typeOid: number, typmod: number, printer: Printer): string {
  if (typmod < 0 && typeOid === Oid.bpchar) return 'pg_catalog.bpchar';
  const name = printer.env.catalog.typeName(typeOid, typmod);
  if (name === undefined) throw new Unprintable(`a type with OID ${typeOid}`);
  return name;
}

/** A decoded value as a typed constant. */
export function constantSql(
  value: import('../../types/value.ts').Value,
  typeOid: number,
  typmod: number,
  printer: Printer,
): string {
  const literal = value === null ? 'NULL' : quoteLiteral(valueText(value, typeOid));
  if (typeOid === Oid.unknown) return literal;
  return `${literal}::${typeSql(typeOid, typmod, printer)}`;
}

/** PostgreSQL's own words, every name qualified: means the same under any search_path. */
export function postgresDialect(options: PostgresDialectOptions): Dialect {
  const expr = makePostgresExpr(options);
  return {
    name: 'postgres',
    expr,
    columnNames,
    keyApart: (key) => key.sql,
    sortKey(key, clause, printer) {
      const operator = printer.env.catalog.operatorName(clause.sortOperator);
      if (operator !== undefined && !/^(?:pg_catalog\.)?[<>]$/.test(operator)) {
        return `${key} USING OPERATOR(${operator})`;
      }
      return `${key} ${clause.descending ? 'DESC' : 'ASC'}`;
    },
    limit(query, scope, printer) {
      const offset = query.limitOffset
        ? ` OFFSET ${expr(query.limitOffset, scope, printer).sql}`
        : '';
      if (!query.limitCount) return offset;
      const count = expr(query.limitCount, scope, printer).sql;
      return query.limitOption === 'withTies'
        ? `${offset} FETCH FIRST (${count}) ROWS WITH TIES`
        : `${offset} LIMIT ${count}`;
    },
    functionRte(rte, scope, printer) {
      const single = rte.functions.length === 1 ? rte.functions[0] : undefined;
      const types = rte.columnNames.map(() => undefined);
      if (
        single &&
        single.columnNames.length === 0 &&
        !rte.ordinality &&
        !isPlainCall(single.expr)
      ) {
        return { sql: `(SELECT ${expr(single.expr, scope, printer).sql})`, types };
      }
      const calls = rte.functions.map((entry) => {
        if (!isPlainCall(entry.expr)) throw new Unprintable('a constant in ROWS FROM');
        const call = expr(entry.expr, scope, printer).sql;
        if (entry.columnNames.length === 0) return call;
        const definitions = entry.columnNames.map(
          (name, at) =>
            `${quoteIdentifier(name)} ${typeSql(entry.columnTypes[at]!, entry.columnTypmods[at] ?? -1, printer)}`,
        );
        return `${call} AS (${definitions.join(', ')})`;
      });
      const ordinality = rte.ordinality ? ' WITH ORDINALITY' : '';
      return { sql: `ROWS FROM (${calls.join(', ')})${ordinality}`, types };
    },
    wholeRow,
    checkQuery(query) {
      if (query.hasModifyingCTE) throw new Unprintable('a data-modifying WITH');
    },
    checkKey: () => undefined,
    declaredType: () => undefined,
    commonType: () => undefined,
    barrier: ' OFFSET 0',
  };

  function isPlainCall(call: Expr): boolean {
    return call.kind === 'func' && !expr.isConstantCall(call);
  }
}

/** The names as written, so that whole rows keep their field names; made up when they are not unique. */
function columnNames(rte: RangeTblEntry): readonly string[] {
  if (rte.rteKind === 'relation' || rte.rteKind === 'rows') {
    return rte.columnNames.map((_, at) => `c${at + 1}`);
  }
  const unique = new Set(rte.columnNames).size === rte.columnNames.length;
  return rte.columnNames.map((name, at) =>
    unique && name !== '' ? quoteIdentifier(name) : `c${at + 1}`,
  );
}

function wholeRow(
  rte: PrintedRte,
  entry: RangeTblEntry,
  typeOid: number,
  printer: Printer,
): Printed {
  assert(entry.rteKind !== 'relation', 'a relation brings its whole row as a column');
  // A function that returns one plain value: the row is the value.
  if (typeOid !== Oid.record && entry.rteKind === 'function' && rte.names.length === 1) {
    const single = entry.functions[0]?.expr;
    if (
      single &&
      single.typeOid === typeOid &&
      printer.env.catalog.typeName(typeOid, -1) !== undefined
    ) {
      const named = printer.env.catalog.tables.some((table) => table.rowTypeOid === typeOid);
      if (!named) return { sql: `${rte.alias}.${rte.names[0]}` };
    }
  }
  // Without the cast, an item of the select list would be every column.
  if (typeOid === Oid.record) return { sql: `(${rte.alias}.*)::pg_catalog.record` };
  return { sql: `(${rte.alias}.*)::${typeSql(typeOid, -1, printer)}` };
}
