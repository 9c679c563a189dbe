import { assert } from '../../base/index.ts';
import type { Expr, SortGroupClause, SubLinkExpr, TargetEntry } from '../../analyzer/tree.ts';
import { Oid } from '../../types/oid.ts';
import type { Printed, Printer, Scope } from './dialect.ts';
import { Unprintable } from './dialect.ts';
import { literalAt, quoteIdentifier, quoteLiteral } from './literal.ts';
import {
  currentSetting,
  currentSettingOids,
  isOwnByName,
  ownFunctions,
  sqlValue,
  stableFunction,
} from './own-functions.ts';
import type { PostgresDialectOptions } from './postgres-dialect.ts';
import { constantSql, typeSql } from './postgres-dialect.ts';

/** pg_type OIDs of pseudo-types that no cast can name. */
const pseudoTypes: ReadonlySet<number> = new Set([
  2276, 2277, 2283, 2776, 3500, 5077, 5078, 2249, 2287, 2278, 2275,
]);

interface PostgresExpr {
  (expr: Expr, scope: Scope, printer: Printer): Printed;
  /** The call prints as a constant: a fact of the statement. */
  isConstantCall(call: Extract<Expr, { kind: 'func' }>): boolean;
}

/** Every Expr in PostgreSQL's words. Each result is an operand: parenthesised where precedence could matter. */
export function makePostgresExpr(options: PostgresDialectOptions): PostgresExpr {
  const { statement } = options;

  const print = (expr: Expr, scope: Scope, printer: Printer): Printed => ({
    sql: text(expr, scope, printer),
  });
  const isConstantCall = (call: Extract<Expr, { kind: 'func' }>): boolean =>
    stableFunction(call.funcId, statement) !== undefined ||
    currentSettingOids.includes(call.funcId);
  return Object.assign(print, { isConstantCall });

  function text(expr: Expr, scope: Scope, printer: Printer): string {
    const sql = (inner: Expr): string => printer.expr(inner, scope).sql;
    const list = (items: readonly Expr[]): string => items.map(sql).join(', ');
    const cast = (inner: string, typeOid: number, typmod = -1): string =>
      pseudoTypes.has(typeOid) ? inner : `(${inner})::${typeSql(typeOid, typmod, printer)}`;
    const operator = (oid: number): string => {
      const name = printer.env.catalog.operatorName(oid);
      if (name === undefined) throw new Unprintable(`an operator with OID ${oid}`);
      return `OPERATOR(${name})`;
    };
    switch (expr.kind) {
      case 'const':
        return constant(expr, printer);
      case 'param':
        return param(expr, printer);
      case 'func':
        return call(expr, scope, printer);
      case 'op': {
        const [left, right] = expr.args;
        assert(left, 'an operator has an operand');
        return right
          ? `(${sql(left)} ${operator(expr.operatorId)} ${sql(right)})`
          : `(${operator(expr.operatorId)} ${sql(left)})`;
      }
      case 'distinct':
        return `(${sql(expr.args[0]!)} IS DISTINCT FROM ${sql(expr.args[1]!)})`;
      case 'nullIf':
        return `NULLIF(${sql(expr.args[0]!)}, ${sql(expr.args[1]!)})`;
      case 'scalarArrayOp': {
        const [left, right] = expr.args;
        const array = right!.kind === 'subLink' ? cast(sql(right!), right!.typeOid) : sql(right!);
        return `(${sql(left!)} ${operator(expr.operatorId)} ${expr.useOr ? 'ANY' : 'ALL'} (${array}))`;
      }
      case 'bool':
        return expr.op === 'not'
          ? `(NOT ${sql(expr.args[0]!)})`
          : `(${expr.args.map(sql).join(` ${expr.op.toUpperCase()} `)})`;
      case 'subLink':
        return subLink(expr, scope, printer);
      case 'case': {
        if (expr.arg) scope.caseTests.push(printer.expr(expr.arg, scope));
        const whens = expr.whens.map(({ when }) => sql(when));
        if (expr.arg) scope.caseTests.pop();
        const thens = expr.whens.map(({ then }, at) => `WHEN ${whens[at]} THEN ${sql(then)}`);
        const otherwise = expr.otherwise ? ` ELSE ${sql(expr.otherwise)}` : '';
        return `CASE ${thens.join(' ')}${otherwise} END`;
      }
      case 'array':
        return cast(`ARRAY[${list(expr.elements)}]`, expr.typeOid);
      case 'row':
        return cast(`ROW(${list(expr.args)})`, expr.typeOid);
      case 'rowCompare':
        return `(ROW(${list(expr.left)}) ${operator(expr.operatorIds[0]!)} ROW(${list(expr.right)}))`;
      case 'coalesce':
        return `COALESCE(${list(expr.args)})`;
      case 'minMax':
        return `${expr.op.toUpperCase()}(${list(expr.args)})`;
      case 'sqlValue':
        return valueFunction(expr, printer);
      case 'nullTest':
        if (!expr.argIsRow && isRowType(expr.arg, printer)) {
          return `(${sql(expr.arg)} IS ${expr.isNull ? 'NOT ' : ''}DISTINCT FROM NULL)`;
        }
        return `(${sql(expr.arg)} IS ${expr.isNull ? '' : 'NOT '}NULL)`;
      case 'booleanTest':
        return `(${sql(expr.arg)} ${booleanTests[expr.test]})`;
      case 'relabel':
        return cast(sql(expr.arg), expr.typeOid, expr.typmod);
      case 'coerceViaIo':
      case 'convertRowtype':
        return cast(sql(expr.arg), expr.typeOid);
      case 'arrayCoerce':
      case 'coerceToDomain':
        return cast(sql(expr.arg), expr.typeOid, expr.kind === 'arrayCoerce' ? expr.typmod : -1);
      case 'collate': {
        const name = printer.env.catalog.collationName(expr.collation);
        if (name === undefined) throw new Unprintable(`a collation with OID ${expr.collation}`);
        return `(${sql(expr.arg)} COLLATE ${name})`;
      }
      case 'subscript': {
        if (expr.assign) throw new Unprintable('an assignment to an array element');
        const slice = expr.lower.length > 0;
        const subscripts = expr.upper.map((upper, at) => {
          const high = upper ? sql(upper) : '';
          if (!slice) return `[${high}]`;
          const low = expr.lower[at];
          return `[${low ? sql(low) : ''}:${high}]`;
        });
        return `(${sql(expr.container)})${subscripts.join('')}`;
      }
      case 'fieldSelect':
        return field(expr, scope, printer);
      case 'namedArg':
        return `${quoteIdentifier(expr.name)} => ${sql(expr.arg)}`;
      case 'aggref':
        return aggregate(expr, scope, printer);
      case 'windowFunc': {
        const filter = expr.filter ? ` FILTER (WHERE ${sql(expr.filter)})` : '';
        const args = expr.star ? '*' : list(expr.args);
        return `${functionName(expr.funcId, printer)}(${args})${filter} OVER ${printer.windowName(expr.winref)}`;
      }
      case 'grouping':
        return `GROUPING(${list(expr.args)})`;
      case 'other':
        throw new Unprintable(expr.tag);
      default:
        throw new Unprintable(expr.kind);
    }
  }

  function functionName(oid: number, printer: Printer): string {
    const name = printer.env.catalog.functionName(oid);
    if (name === undefined) throw new Unprintable(`a function with OID ${oid}`);
    if (ownFunctions.has(oid) || isOwnByName(name)) throw new Unprintable(`${name}()`);
    return name;
  }

  function constant(expr: Extract<Expr, { kind: 'const' }>, printer: Printer): string {
    if (expr.isNull) return constantSql(null, expr.typeOid, expr.typmod, printer);
    if (expr.value !== undefined)
      return constantSql(expr.value, expr.typeOid, expr.typmod, printer);
    const literal = options.text === undefined ? '' : literalAt(options.text, expr.location);
    const type = typeSql(expr.typeOid, expr.typmod, printer);
    if (literal === undefined) throw new Unprintable(`a constant of type ${type}`);
    return `${quoteLiteral(literal)}::${type}`;
  }

  function param(expr: Extract<Expr, { kind: 'param' }>, printer: Printer): string {
    if (expr.paramKind !== 'extern') throw new Unprintable(`a parameter of kind ${expr.paramKind}`);
    const { params, paramTypes } = printer.env;
    const value = params?.[expr.id - 1] ?? null;
    return constantSql(value, paramTypes[expr.id - 1] ?? expr.typeOid, expr.typmod, printer);
  }

  function call(expr: Extract<Expr, { kind: 'func' }>, scope: Scope, printer: Printer): string {
    const stable = stableFunction(expr.funcId, statement);
    if (stable) {
      const { value, typeOid } = stable(expr.typeOid);
      return constantSql(value, typeOid, -1, printer);
    }
    if (currentSettingOids.includes(expr.funcId)) {
      const [name, missingOk] = expr.args;
      if (name?.kind !== 'const' || typeof name.value !== 'string') {
        throw new Unprintable('current_setting of a computed name');
      }
      if (missingOk && (missingOk.kind !== 'const' || missingOk.isNull)) {
        throw new Unprintable('current_setting with a computed flag');
      }
      const missing = missingOk?.kind === 'const' && missingOk.value === true;
      const value = statement ? currentSetting(statement, name.value, missing) : null;
      return constantSql(value, Oid.text, -1, printer);
    }
    const args = expr.args.map((arg, at) => {
      const printed = printer.expr(arg, scope).sql;
      return expr.variadic && at === expr.args.length - 1 ? `VARIADIC ${printed}` : printed;
    });
    return `${functionName(expr.funcId, printer)}(${args.join(', ')})`;
  }

  function valueFunction(expr: Extract<Expr, { kind: 'sqlValue' }>, printer: Printer): string {
    if (!statement) return constantSql(null, expr.typeOid, expr.typmod, printer);
    const fact = sqlValue(expr.op, statement);
    if (!fact) return `pg_catalog.current_schema()`;
    const base = constantSql(fact.value, fact.typeOid, -1, printer);
    if (fact.typeOid === expr.typeOid && expr.typmod < 0) return base;
    // PGlite runs under the session's TimeZone, so its casts give the session's local date and time.
    return `(${base})::${typeSql(expr.typeOid, expr.typmod, printer)}`;
  }

  function orderWithin(
    clauses: readonly SortGroupClause[],
    args: readonly TargetEntry[],
    scope: Scope,
    printer: Printer,
  ): string {
    const keys = clauses.map((clause) => {
      const target = args.find((entry) => entry.sortGroupRef === clause.ref);
      assert(target, 'an aggregate orders by one of its arguments');
      const name = printer.env.catalog.operatorName(clause.sortOperator);
      const key = printer.expr(target.expr, scope).sql;
      const direction =
        name !== undefined && !/^(?:pg_catalog\.)?[<>]$/.test(name)
          ? `USING OPERATOR(${name})`
          : clause.descending
            ? 'DESC'
            : 'ASC';
      return `${key} ${direction} NULLS ${clause.nullsFirst ? 'FIRST' : 'LAST'}`;
    });
    return keys.join(', ');
  }

  function aggregate(
    expr: Extract<Expr, { kind: 'aggref' }>,
    scope: Scope,
    printer: Printer,
  ): string {
    const name = functionName(expr.funcId, printer);
    const sql = (inner: Expr): string => printer.expr(inner, scope).sql;
    const filter = expr.filter ? ` FILTER (WHERE ${sql(expr.filter)})` : '';
    if (expr.aggKind !== 'normal') {
      const direct = expr.directArgs.map(sql).join(', ');
      const order =
        expr.order.length > 0
          ? orderWithin(expr.order, expr.args, scope, printer)
          : expr.args.map((arg) => sql(arg.expr)).join(', ');
      return `${name}(${direct}) WITHIN GROUP (ORDER BY ${order})${filter}`;
    }
    if (expr.star) return `${name}(*)${filter}`;
    const inputs = expr.args.filter((arg) => !arg.junk);
    const args = inputs.map((arg, at) => {
      const printed = sql(arg.expr);
      return expr.variadic && at === inputs.length - 1 ? `VARIADIC ${printed}` : printed;
    });
    const distinct = expr.distinct.length > 0 ? 'DISTINCT ' : '';
    const order =
      expr.order.length > 0
        ? ` ORDER BY ${orderWithin(expr.order, expr.args, scope, printer)}`
        : '';
    return `${name}(${distinct}${args.join(', ')}${order})${filter}`;
  }

  function subLink(expr: SubLinkExpr, scope: Scope, printer: Printer): string {
    const inner = printer.query(expr.query, scope);
    switch (expr.linkKind) {
      case 'exists':
        return `EXISTS (${inner.sql})`;
      case 'expr':
        return `(${inner.sql})`;
      case 'array':
        return `ARRAY(${inner.sql})`;
      case 'any':
      case 'all':
      case 'rowCompare':
        return comparison(expr, inner.sql, inner.types.length, scope, printer);
      default:
        throw new Unprintable(`a sub-select of kind ${expr.linkKind}`);
    }
  }

  /** `left op ANY (SELECT right FROM (…))`, where `right` is what the test makes of the sub-select's columns. */
  function comparison(
    expr: SubLinkExpr,
    inner: string,
    count: number,
    scope: Scope,
    printer: Printer,
  ): string {
    const test = expr.testExpr;
    assert(test, 'a comparison with a sub-select has a test');
    const alias = printer.freshAlias();
    const columns = Array.from({ length: count }, (_, at) => `c${at + 1}`);
    const stand = new Map<number, Printed>(
      columns.map((name, at) => [at + 1, { sql: `${alias}.${name}` }]),
    );
    const pairs =
      test.kind === 'rowCompare'
        ? test.left.map((left, at) => ({
            left,
            right: test.right[at]!,
            operatorId: test.operatorIds[at]!,
          }))
        : (test.kind === 'bool' ? test.args : [test]).map((part) => {
            if (part.kind !== 'op') throw new Unprintable('a comparison with a sub-select');
            return { left: part.args[0]!, right: part.args[1]!, operatorId: part.operatorId };
          });
    const lefts = pairs.map((pair) => printer.expr(pair.left, scope).sql);
    scope.subLinkColumns.push(stand);
    const rights = pairs.map((pair) => printer.expr(pair.right, scope).sql);
    scope.subLinkColumns.pop();
    const operator = printer.env.catalog.operatorName(pairs[0]!.operatorId);
    if (operator === undefined) throw new Unprintable('a comparison with a sub-select');
    const left = lefts.length === 1 && test.kind === 'op' ? lefts[0] : `ROW(${lefts.join(', ')})`;
    const source = `(SELECT ${rights.join(', ')} FROM (${inner}) AS ${alias}(${columns.join(', ')}))`;
    const quantifier = expr.linkKind === 'any' ? 'ANY ' : expr.linkKind === 'all' ? 'ALL ' : '';
    return `(${left} OPERATOR(${operator}) ${quantifier}${source})`;
  }

  function isRowType(arg: Expr, printer: Printer): boolean {
    return (
      arg.typeOid === Oid.record ||
      printer.env.catalog.tables.some((table) => table.rowTypeOid === arg.typeOid)
    );
  }

  function field(
    expr: Extract<Expr, { kind: 'fieldSelect' }>,
    scope: Scope,
    printer: Printer,
  ): string {
    const { arg } = expr;
    if (arg.kind === 'row') {
      const chosen = arg.args[expr.fieldNumber - 1];
      assert(chosen, 'a field of the row');
      return printer.expr(chosen, scope).sql;
    }
    if (arg.kind === 'var' && arg.attno === 0) {
      return printer.expr({ ...arg, attno: expr.fieldNumber, typeOid: expr.typeOid }, scope).sql;
    }
    const table = printer.env.catalog.tables.find((entry) => entry.rowTypeOid === arg.typeOid);
    const column = table?.columns[table.positionOf[expr.fieldNumber] ?? -1];
    if (!column) throw new Unprintable('a field of a composite value');
    return `(${printer.expr(arg, scope).sql}).${quoteIdentifier(column.name)}`;
  }
}

const booleanTests = {
  true: 'IS TRUE',
  notTrue: 'IS NOT TRUE',
  false: 'IS FALSE',
  notFalse: 'IS NOT FALSE',
  unknown: 'IS UNKNOWN',
  notUnknown: 'IS NOT UNKNOWN',
} as const;
