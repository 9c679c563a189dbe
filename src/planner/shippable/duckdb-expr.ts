import { assert } from '../../base/index.ts';
import type { Expr, SubLinkExpr } from '../../analyzer/tree.ts';
import type {
  Dialect,
  Printed,
  Printer,
  Scope,
  StatementContext,
} from '../../executor/print/index.ts';
import { Unprintable, duckTypeName, sqlValue, stableFunction } from '../../executor/print/index.ts';
import { Oid, arrayOidOf } from '../../types/oid.ts';
import type { PgArray, Value } from '../../types/value.ts';
import type { AggregateRule } from './aggregates.ts';
import { columnarTypeOf } from './column-type.ts';
import { compared } from './comparison-rules.ts';
import { checkKey, commonType } from './common-type.ts';
import { duckConstant } from './literals.ts';
import type { Argument, CallFacts } from './shippable.ts';
import { requireByteCollation, simple } from './shippable.ts';
import { aggregateRules, functionRules } from './table.ts';

/** Guards repeat their operands; deeply nested ones would grow without end. */
const expressionCharsMax = 200_000;
/** Elements of an array compared by anything but = ANY and <> ALL. */
const arrayElementsMax = 200;

const boolean = simple('BOOLEAN');

/** `statement` undefined (at planning time): TimeZone is taken to be UTC, constants of the statement print as NULL. */
export function makeDuckdbExpr(statement: StatementContext | undefined): Dialect['expr'] {
  const utcNames: ReadonlySet<string> = new Set([
    'UTC',
    'Etc/UTC',
    'UCT',
    'Etc/UCT',
    'Zulu',
    'GMT',
    'Etc/GMT',
  ]);
  const utc = statement === undefined || utcNames.has(statement.types.timeZone);

  return (expr: Expr, scope: Scope, printer: Printer): Printed => {
    const printed = print(expr, scope, printer);
    if (printed.sql.length > expressionCharsMax)
      throw new Unprintable('an expression nested too deeply');
    return printed;
  };

  function print(expr: Expr, scope: Scope, printer: Printer): Printed {
    const sub = (inner: Expr): Printed => printer.expr(inner, scope);
    const argument = (inner: Expr): Argument => ({
      ...sub(inner),
      expr: inner,
      constant: constantOf(inner, printer),
    });
    const facts = (inputCollation: number): CallFacts => ({ inputCollation, utc });
    const call = (funcId: number, args: readonly Expr[], inputCollation: number): Printed => {
      const rule = functionRules.get(funcId);
      if (!rule) throw new Unprintable(functionTitle(funcId, printer));
      return rule(args.map(argument), facts(inputCollation));
    };
    switch (expr.kind) {
      case 'const':
        if (expr.isNull) return duckConstant(null, expr.typeOid, expr.typmod);
        if (expr.value === undefined)
          throw new Unprintable(`a constant of type ${typeTitle(expr.typeOid, printer)}`);
        return duckConstant(expr.value, expr.typeOid, expr.typmod);
      case 'param': {
        if (expr.paramKind !== 'extern')
          throw new Unprintable(`a parameter of kind ${expr.paramKind}`);
        if (printer.env.params)
          return duckConstant(printer.env.params[expr.id - 1] ?? null, expr.typeOid, -1);
        if (expr.typeOid === Oid.numeric) return { sql: 'NULL' };
        return duckConstant(null, expr.typeOid, -1);
      }
      case 'func': {
        const stable = stableFunction(expr.funcId, statement);
        if (stable) {
          const { value, typeOid } = stable(expr.typeOid);
          return duckConstant(value, typeOid, -1);
        }
        if (castsToDouble.has(expr.funcId)) {
          const value = constantOf(expr, printer);
          if (typeof value === 'number') return duckConstant(value, Oid.float8, -1);
        }
        if (expr.returnsSet || expr.variadic)
          throw new Unprintable(functionTitle(expr.funcId, printer));
        return call(expr.funcId, expr.args, expr.inputCollation);
      }
      case 'op':
        return call(expr.funcId, expr.args, expr.inputCollation);
      case 'distinct': {
        requireEquality(expr.funcId, printer);
        const [left, right] = compared(expr.args.map(sub), expr);
        return { sql: `(${left} IS DISTINCT FROM ${right})`, type: boolean };
      }
      case 'nullIf': {
        requireEquality(expr.funcId, printer);
        const [first, second] = expr.args.map(sub);
        const [left, right] = compared([first!, second!], expr);
        return {
          sql: `CASE WHEN ${left} = ${right} THEN NULL ELSE ${first!.sql} END`,
          type: first!.type,
        };
      }
      case 'scalarArrayOp':
        return arrayComparison(expr, argument, facts(expr.inputCollation), printer);
      case 'bool':
        return {
          sql:
            expr.op === 'not'
              ? `(NOT ${sub(expr.args[0]!).sql})`
              : `(${expr.args.map((arg) => sub(arg).sql).join(` ${expr.op.toUpperCase()} `)})`,
          type: boolean,
        };
      case 'subLink':
        return subLink(expr, scope, printer);
      case 'case':
        return caseExpr(expr, scope, printer);
      case 'coalesce':
        return alternatives('COALESCE', expr.args.map(sub));
      case 'minMax': {
        const args = expr.args.map(sub);
        for (const arg of args) {
          if (arg.type?.name === 'BPCHAR') throw new Unprintable(`${expr.op} of character`);
          compared([arg, args[0]!], expr);
        }
        return alternatives(expr.op.toUpperCase(), args);
      }
      case 'sqlValue': {
        if (!statement) return duckConstant(null, expr.typeOid, expr.typmod);
        const fact = sqlValue(expr.op, statement);
        if (!fact || expr.typmod >= 0) throw new Unprintable(expr.op);
        const constant = duckConstant(fact.value, fact.typeOid, -1);
        if (fact.typeOid === expr.typeOid) return constant;
        if (!utc || (expr.typeOid !== Oid.date && expr.typeOid !== Oid.timestamp))
          throw new Unprintable(expr.op);
        const type = columnarTypeOf(expr.typeOid, -1)!;
        return { sql: `CAST(${constant.sql} AS ${duckTypeName(type)})`, type };
      }
      case 'nullTest': {
        if (expr.argIsRow) throw new Unprintable('a NULL test of a row');
        return { sql: `(${sub(expr.arg).sql} IS ${expr.isNull ? '' : 'NOT '}NULL)`, type: boolean };
      }
      case 'booleanTest': {
        const x = sub(expr.arg).sql;
        return { sql: booleanTests[expr.test](x), type: boolean };
      }
      case 'relabel': {
        const arg = sub(expr.arg);
        const to = columnarTypeOf(expr.typeOid, expr.typmod);
        if (arg.type === undefined) return arg;
        // A numeric that loses its typmod keeps its digits.
        if (arg.type.name === 'DECIMAL' && expr.typeOid === Oid.numeric) return arg;
        if (to?.name !== arg.type.name)
          throw new Unprintable(`a cast to ${typeTitle(expr.typeOid, printer)}`);
        return arg;
      }
      case 'coerceViaIo': {
        const arg = sub(expr.arg);
        const text =
          expr.typeOid === Oid.text ||
          (expr.typeOid === Oid.varchar && expr.arg.typeOid !== Oid.bool);
        if (text && ['SMALLINT', 'INTEGER', 'BIGINT', 'UUID'].includes(arg.type?.name ?? '')) {
          return { sql: `CAST(${arg.sql} AS VARCHAR)`, type: simple('VARCHAR') };
        }
        throw new Unprintable(
          `a cast from ${typeTitle(expr.arg.typeOid, printer)} to ${typeTitle(expr.typeOid, printer)}`,
        );
      }
      case 'collate':
        requireByteCollation(expr.collation);
        return sub(expr.arg);
      case 'aggref': {
        const rule = aggregateRules.get(expr.funcId);
        if (!rule || expr.aggKind !== 'normal' || expr.variadic)
          throw new Unprintable(functionTitle(expr.funcId, printer));
        if (expr.levelsUp > 0) throw new Unprintable('an aggregate of an outer query');
        return aggregate(expr, rule, scope, printer, argument, facts(expr.inputCollation));
      }
      case 'windowFunc': {
        const rule = aggregateRules.get(expr.funcId);
        if (!rule || rule.ordered) throw new Unprintable(functionTitle(expr.funcId, printer));
        const args = expr.args.map(argument);
        const inputs = expr.star ? ['*'] : rule.args(args, facts(expr.inputCollation));
        const filter = expr.filter ? ` FILTER (WHERE ${sub(expr.filter).sql})` : '';
        const call = (name: string, list: string): string =>
          `${name}(${list})${filter} OVER ${printer.windowName(expr.winref)}`;
        return rule.result(call(rule.name, inputs.join(', ')), args, call);
      }
      case 'grouping':
        return {
          sql: `CAST(GROUPING(${expr.args.map((arg) => sub(arg).sql).join(', ')}) AS INTEGER)`,
          type: simple('INTEGER'),
        };
      case 'other':
        throw new Unprintable(expr.tag);
      default:
        throw new Unprintable(`${expr.kind} expressions`);
    }
  }

  function aggregate(
    expr: Extract<Expr, { kind: 'aggref' }>,
    rule: AggregateRule,
    scope: Scope,
    printer: Printer,
    argument: (expr: Expr) => Argument,
    facts: CallFacts,
  ): Printed {
    if (rule.ordered && expr.order.length === 0) {
      throw new Unprintable(`${functionTitle(expr.funcId, printer)} without ORDER BY`);
    }
    const inputs = expr.args.filter((arg) => !arg.junk).map((arg) => argument(arg.expr));
    const args = expr.star ? ['*'] : rule.args(inputs, facts);
    if (expr.distinct.length > 0) {
      if (rule.ordered)
        throw new Unprintable(`${functionTitle(expr.funcId, printer)} of DISTINCT values`);
      for (const input of inputs) checkKey(input, undefined, false);
    }
    // Only aggregates that say so depend on the order of their input.
    const order = rule.ordered
      ? expr.order.map((clause) => {
          const target = expr.args.find((entry) => entry.sortGroupRef === clause.ref);
          assert(target, 'an aggregate orders by one of its arguments');
          const key = printer.expr(target.expr, scope);
          checkKey(key, target, true);
          return `${key.sql} ${clause.descending ? 'DESC' : 'ASC'} NULLS ${clause.nullsFirst ? 'FIRST' : 'LAST'}`;
        })
      : [];
    const orderBy = order.length > 0 ? ` ORDER BY ${order.join(', ')}` : '';
    const filter = expr.filter ? ` FILTER (WHERE ${printer.expr(expr.filter, scope).sql})` : '';
    const distinct = expr.distinct.length > 0 ? 'DISTINCT ' : '';
    return rule.result(
      `${rule.name}(${distinct}${args.join(', ')}${orderBy})${filter}`,
      inputs,
      (name, list) => `${name}(${list})${filter}`,
    );
  }

  function caseExpr(
    expr: Extract<Expr, { kind: 'case' }>,
    scope: Scope,
    printer: Printer,
  ): Printed {
    if (expr.arg) scope.caseTests.push(printer.expr(expr.arg, scope));
    const whens = expr.whens.map(({ when }) => printer.expr(when, scope).sql);
    if (expr.arg) scope.caseTests.pop();
    const thens = expr.whens.map(({ then }) => printer.expr(then, scope));
    const otherwise = expr.otherwise && printer.expr(expr.otherwise, scope);
    const type = commonType(
      [...thens, ...(otherwise ? [otherwise] : [])].map((branch) => branch.type),
      'CASE of numerics of unlike scale',
    );
    const branches = thens.map((then, at) => `WHEN ${whens[at]} THEN ${then.sql}`).join(' ');
    return { sql: `CASE ${branches}${otherwise ? ` ELSE ${otherwise.sql}` : ''} END`, type };
  }

  function alternatives(name: string, args: readonly Printed[]): Printed {
    const type = commonType(
      args.map((arg) => arg.type),
      `${name} of numerics of unlike scale`,
    );
    return { sql: `${name}(${args.map((arg) => arg.sql).join(', ')})`, type };
  }

  function subLink(expr: SubLinkExpr, scope: Scope, printer: Printer): Printed {
    const inner = printer.query(expr.query, scope);
    if (expr.linkKind === 'exists') return { sql: `EXISTS (${inner.sql})`, type: boolean };
    if (expr.linkKind === 'expr') return { sql: `(${inner.sql})`, type: inner.types[0] };
    const test = expr.testExpr;
    const operator =
      test?.kind === 'op'
        ? printer.env.catalog.operatorName(test.operatorId)?.replace(/^pg_catalog\./, '')
        : undefined;
    const words =
      expr.linkKind === 'any' && operator === '='
        ? 'IN'
        : expr.linkKind === 'all' && operator === '<>'
          ? 'NOT IN'
          : undefined;
    if (!words || test?.kind !== 'op')
      throw new Unprintable(
        `a sub-select compared by ${operator ?? 'rows'} ${expr.linkKind.toUpperCase()}`,
      );
    if (!functionRules.has(test.funcId)) throw new Unprintable(functionTitle(test.funcId, printer));
    const alias = printer.freshAlias();
    const columns = inner.types.map((_, at) => `c${at + 1}`);
    const left = printer.expr(test.args[0]!, scope);
    scope.subLinkColumns.push(
      new Map(
        columns.map((name, at) => [at + 1, { sql: `${alias}.${name}`, type: inner.types[at] }]),
      ),
    );
    const right = printer.expr(test.args[1]!, scope);
    scope.subLinkColumns.pop();
    const [l, r] = compared([left, right], test);
    return {
      sql: `(${l} ${words} (SELECT ${r} FROM (${inner.sql}) AS ${alias}(${columns.join(', ')})))`,
      type: boolean,
    };
  }

  function arrayComparison(
    expr: Extract<Expr, { kind: 'scalarArrayOp' }>,
    argument: (expr: Expr) => Argument,
    facts: CallFacts,
    printer: Printer,
  ): Printed {
    const rule = functionRules.get(expr.funcId);
    if (!rule) throw new Unprintable(functionTitle(expr.funcId, printer));
    const left = argument(expr.args[0]!);
    const elements = arrayElements(expr.args[1]!, argument, printer);
    if (elements === undefined) return { sql: 'CAST(NULL AS BOOLEAN)', type: boolean };
    if (elements.length === 0) return { sql: expr.useOr ? 'FALSE' : 'TRUE', type: boolean };
    const name = printer.env.catalog.operatorName(expr.operatorId)?.replace(/^pg_catalog\./, '');
    if ((expr.useOr && name === '=') || (!expr.useOr && name === '<>')) {
      const pairs = elements.map((element) => compared([left, element], facts));
      return {
        sql: `(${pairs[0]![0]} ${expr.useOr ? 'IN' : 'NOT IN'} (${pairs.map(([, right]) => right).join(', ')}))`,
        type: boolean,
      };
    }
    if (elements.length > arrayElementsMax)
      throw new Unprintable(`an array of ${elements.length} elements`);
    const parts = elements.map((element) => rule([left, element], facts).sql);
    return { sql: `(${parts.join(expr.useOr ? ' OR ' : ' AND ')})`, type: boolean };
  }

  /** The elements one by one; undefined: the array is NULL. */
  function arrayElements(
    expr: Expr,
    argument: (expr: Expr) => Argument,
    printer: Printer,
  ): readonly Argument[] | undefined {
    if (expr.kind === 'relabel') return arrayElements(expr.arg, argument, printer);
    if (expr.kind === 'array' && !expr.multidims) return expr.elements.map(argument);
    if (expr.kind === 'param' && expr.paramKind === 'extern' && !printer.env.params) {
      // At planning time any element stands for all.
      return [];
    }
    const value = constantOf(expr, printer);
    if (value === null) return undefined;
    if (value === undefined || typeof value !== 'object' || !('elements' in value)) {
      throw new Unprintable('a comparison with a computed array');
    }
    const elementOid = elementTypeOf(expr.typeOid);
    return (value as PgArray).elements.map((element) => ({
      ...duckConstant(element, elementOid, -1),
      expr,
      constant: element,
    }));
  }

  function requireEquality(funcId: number, printer: Printer): void {
    if (!functionRules.has(funcId)) throw new Unprintable(functionTitle(funcId, printer));
  }
}

function constantOf(expr: Expr, printer: Printer): Value | undefined {
  if (expr.kind === 'const') return expr.isNull ? null : expr.value;
  if (expr.kind === 'param' && expr.paramKind === 'extern') {
    return printer.env.params ? (printer.env.params[expr.id - 1] ?? null) : undefined;
  }
  if (expr.kind === 'relabel') return constantOf(expr.arg, printer);
  if (expr.kind === 'func' && castsToDouble.has(expr.funcId)) {
    const value = constantOf(expr.args[0]!, printer);
    if (value === undefined || value === null) return value;
    // The text of a numeric reads as the nearest double, as PostgreSQL's own cast has it.
    const double = Number(value);
    return Number.isFinite(double) ? double : undefined;
  }
  return undefined;
}

/** float8 of smallint, integer, bigint, numeric: what a number in the statement comes with. */
const castsToDouble: ReadonlySet<number> = new Set([235, 316, 482, 1746]);

const functionTitle = (oid: number, printer: Printer): string =>
  `${(printer.env.catalog.functionName(oid) ?? `the function with OID ${oid}`).replace(/^pg_catalog\./, '')}()`;

const typeTitle = (oid: number, printer: Printer): string =>
  (printer.env.catalog.typeName(oid, -1) ?? `OID ${oid}`).replace(/^pg_catalog\./, '');

const booleanTests: Record<Extract<Expr, { kind: 'booleanTest' }>['test'], (x: string) => string> =
  {
    true: (x) => `COALESCE(${x}, FALSE)`,
    notTrue: (x) => `(NOT COALESCE(${x}, FALSE))`,
    false: (x) => `(NOT COALESCE(${x}, TRUE))`,
    notFalse: (x) => `COALESCE(${x}, TRUE)`,
    unknown: (x) => `(${x} IS NULL)`,
    notUnknown: (x) => `(${x} IS NOT NULL)`,
  };

function elementTypeOf(arrayOid: number): number {
  const element = elementOids.get(arrayOid);
  if (element === undefined) throw new Unprintable(`an array of the type with OID ${arrayOid}`);
  return element;
}

const elementOids: ReadonlyMap<number, number> = new Map(
  [...arrayOidOf].map(([element, array]) => [array, element]),
);
