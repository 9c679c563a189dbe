import type { ColumnarType, Printed } from '../../executor/print/index.ts';
import { Unprintable, decimalPrecisionMax, duckTypeName } from '../../executor/print/index.ts';
import { numericTypmod } from './column-type.ts';
import type { Argument, Translation } from './shippable.ts';
import { constantInteger, inexact, raise, requireComputable, simple } from './shippable.ts';

type Whole = 'SMALLINT' | 'INTEGER' | 'BIGINT';

/** DuckDB checks overflow itself; mixed widths are widened to PostgreSQL's result type first. */
export const integer =
  (operator: '+' | '-' | '*', result: Whole): Translation =>
  ([left, right]) => ({
    sql: `(CAST(${left!.sql} AS ${result}) ${operator} CAST(${right!.sql} AS ${result}))`,
    type: simple(result),
  });

const isNonZero = (arg: Argument): boolean =>
  (typeof arg.constant === 'number' || typeof arg.constant === 'bigint') &&
  Number(arg.constant) !== 0;

const divisor = (arg: Argument): string =>
  isNonZero(arg)
    ? arg.sql
    : `CASE WHEN ${arg.sql} = 0 THEN ${raise('division by zero')} ELSE ${arg.sql} END`;

/** DuckDB gives NULL for a zero divisor. */
export const integerDivision =
  (operator: '//' | '%', result: Whole): Translation =>
  ([left, right]) => ({
    sql: `(CAST(${left!.sql} AS ${result}) ${operator} CAST(${divisor(right!)} AS ${result}))`,
    type: simple(result),
  });

export const prefix =
  (
    words: (sql: string) => string,
    result?: Exclude<ColumnarType['name'], 'DECIMAL'>,
  ): Translation =>
  ([arg]) => {
    requireComputable(arg!, 'arithmetic');
    return { sql: words(arg!.sql), type: result ? simple(result) : arg!.type };
  };

export const negate = prefix((sql) => `(-${sql})`);
export const same = prefix((sql) => sql);
export const absolute = prefix((sql) => `abs(${sql})`);

type Real = 'FLOAT' | 'DOUBLE';

const operand = (arg: Argument, type: Real): string =>
  `CAST(${arg.unguarded?.sql ?? arg.sql} AS ${type})`;

/** A constant is finite already: the printer folds no other ones. */
const mayBeInfinite = (arg: Argument): boolean =>
  !(typeof arg.constant === 'number' && Number.isFinite(arg.constant));

/**
 * PostgreSQL refuses results that overflow to infinity, unless an operand was infinite already (then `infinite` says so of the
 * operands as printed). One guard around a whole chain of operators finds that, since + - * keep infinities (or make NaN of
 * them); of a chain over operands that are not finite themselves, PostgreSQL is asked. Finite results cost one test.
 */
function guarded(
  sql: string,
  args: readonly (readonly [Argument, string])[],
  failures: readonly string[],
  type: Real,
): Printed {
  const inner = args.flatMap(([arg]) => arg.unguarded?.failures ?? []);
  const all = [...new Set([...inner, ...failures])];
  const leaves = [
    ...new Set(
      args.flatMap(
        ([arg, printed]) => arg.unguarded?.leaves ?? (mayBeInfinite(arg) ? [printed] : []),
      ),
    ),
  ];
  const chain = args.some(([arg]) => arg.unguarded);
  const finite = leaves.map((leaf) => `isfinite(${leaf})`).join(' AND ') || 'TRUE';
  const infinite = leaves.map((leaf) => `isinf(${leaf})`).join(' OR ') || 'FALSE';
  const overflow = chain
    ? `WHEN NOT isfinite(${sql}) THEN CASE WHEN ${finite} THEN ${raise(outOfRange)} ELSE ${raise(inexact)} END`
    : `WHEN isinf(${sql}) THEN CASE WHEN ${infinite} THEN ${sql} ELSE ${raise(outOfRange)} END`;
  const underflow =
    all.length > 0
      ? ` WHEN ${all.join(' OR ')} THEN ${raise('value out of range: underflow')}`
      : '';
  return {
    sql: `CASE ${overflow}${underflow} ELSE ${sql} END`,
    type: simple(type),
    unguarded: { sql, failures: all, leaves },
  };
}

const outOfRange = 'value out of range: overflow';

export const floatSum =
  (operator: '+' | '-', result: Real): Translation =>
  (args) => {
    const [left, right] = args.map((arg) => operand(arg, result));
    const pairs = [
      [args[0]!, left!],
      [args[1]!, right!],
    ] as const;
    return guarded(`(${left} ${operator} ${right})`, pairs, [], result);
  };

/** A factor that can't make a number smaller can't make it zero. */
const atLeastOne = (arg: Argument): boolean =>
  typeof arg.constant === 'number' && Math.abs(arg.constant) >= 1;

/** A zero that comes from no zero is an underflow, which PostgreSQL refuses as well; dividing by infinity is none. */
export const floatProduct =
  (operator: '*' | '/', result: Real): Translation =>
  (args) => {
    const [left, right] = args as readonly [Argument, Argument];
    const l = operand(left, result);
    if (operator === '*') {
      const r = operand(right, result);
      const value = `(${l} * ${r})`;
      const safe = atLeastOne(left) || atLeastOne(right);
      const underflow = `(${value} = 0 AND ${l} <> 0 AND ${r} <> 0)`;
      return guarded(
        value,
        [
          [left, l],
          [right, r],
        ],
        safe ? [] : [underflow],
        result,
      );
    }
    // The divisor keeps its own guard: dividing by infinity would hide an overflow.
    const r = `CAST(${divisor(right)} AS ${result})`;
    const value = `(${l} / ${r})`;
    const safe = isNonZero(right) && Math.abs(Number(right.constant)) <= 1;
    const underflow = `(${value} = 0 AND ${l} <> 0 AND NOT isinf(${r}))`;
    const apart: Argument = { ...right, unguarded: undefined };
    return guarded(
      value,
      [
        [left, l],
        [apart, `CAST(${right.sql} AS ${result})`],
      ],
      safe ? [] : [underflow],
      result,
    );
  };

type Decimal = Extract<ColumnarType, { name: 'DECIMAL' }>;

function decimalOf(arg: Argument): Decimal | undefined {
  requireComputable(arg, 'arithmetic');
  return arg.type?.name === 'DECIMAL' ? arg.type : undefined;
}

/** Scales are PostgreSQL's display scales. Beyond 38 digits DuckDB checks for overflow and the query runs elsewhere. */
export const decimalSum =
  (operator: '+' | '-'): Translation =>
  (args) => {
    const [left, right] = args.map((arg) => decimalOf(arg));
    const sql = `(${args[0]!.sql} ${operator} ${args[1]!.sql})`;
    if (!left || !right) return { sql };
    const scale = Math.max(left.scale, right.scale);
    const whole = Math.max(left.precision - left.scale, right.precision - right.scale) + 1;
    const type: Decimal = {
      name: 'DECIMAL',
      precision: Math.min(whole + scale, decimalPrecisionMax),
      scale,
    };
    const wide = (arg: Argument): string => `CAST(${arg.sql} AS ${duckTypeName(type)})`;
    return { sql: `(${wide(args[0]!)} ${operator} ${wide(args[1]!)})`, type };
  };

export const decimalProduct: Translation = (args) => {
  const [left, right] = args.map((arg) => decimalOf(arg));
  const sql = `(${args[0]!.sql} * ${args[1]!.sql})`;
  if (!left || !right) return { sql };
  const scale = left.scale + right.scale;
  const precision = left.precision + right.precision;
  if (precision > decimalPrecisionMax) {
    throw new Unprintable(`a numeric product of up to ${precision} digits`);
  }
  return { sql, type: { name: 'DECIMAL', precision, scale } };
};

/** A cast of an integer type: display scale 0. */
export const wholeDecimal =
  (precision: number): Translation =>
  ([arg]) => ({
    sql: `CAST(${arg!.sql} AS DECIMAL(${precision},0))`,
    type: { name: 'DECIMAL', precision, scale: 0 },
  });

/** numeric(numeric, typmod): both round half away from zero; too many digits are an error in both. */
export const decimalTypmod: Translation = ([arg, typmod]) => {
  requireComputable(arg!, 'a cast');
  const declared = numericTypmod(constantInteger(typmod, 'a numeric typmod'));
  if (
    !declared ||
    declared.scale < 0 ||
    declared.scale > declared.precision ||
    declared.precision > decimalPrecisionMax
  ) {
    throw new Unprintable('a numeric type that is no DECIMAL');
  }
  const type: ColumnarType = { name: 'DECIMAL', ...declared };
  return { sql: `CAST(${arg!.sql} AS ${duckTypeName(type)})`, type };
};

/** round, ceil, floor of a numeric to whole numbers. */
export const decimalWhole =
  (name: 'round' | 'ceil' | 'floor'): Translation =>
  ([arg]) => {
    const from = decimalOf(arg!);
    if (!from) return { sql: `${name}(${arg!.sql})` };
    const precision = Math.min(from.precision - from.scale + 1, decimalPrecisionMax);
    const type: ColumnarType = { name: 'DECIMAL', precision, scale: 0 };
    const wide = `CAST(${arg!.sql} AS DECIMAL(${Math.min(from.precision + 1, decimalPrecisionMax)},${from.scale}))`;
    return { sql: `CAST(${name}(${wide}) AS ${duckTypeName(type)})`, type };
  };

/** round(numeric, n) for 0 <= n: half away from zero; PostgreSQL pads a greater n with zeros. */
export const decimalRound: Translation = ([arg, digits]) => {
  const from = decimalOf(arg!);
  const scale = constantInteger(digits, 'round to a number of digits');
  if (!from) return { sql: arg!.sql };
  const precision = from.precision - from.scale + 1 + scale;
  if (scale < 0 || precision > decimalPrecisionMax)
    throw new Unprintable(`round to ${scale} digits`);
  const type: ColumnarType = { name: 'DECIMAL', precision, scale };
  return { sql: `CAST(${arg!.sql} AS ${duckTypeName(type)})`, type };
};

export const castTo =
  (result: Exclude<ColumnarType['name'], 'DECIMAL'>): Translation =>
  ([arg]) => {
    requireComputable(arg!, 'a cast');
    return { sql: `CAST(${arg!.sql} AS ${result})`, type: simple(result) };
  };

/** Through text: DuckDB's own cast of a DECIMAL to DOUBLE divides and may be off by a bit. */
export const decimalToDouble: Translation = ([arg]) => {
  requireComputable(arg!, 'a cast');
  return { sql: `CAST(CAST(${arg!.sql} AS VARCHAR) AS DOUBLE)`, type: simple('DOUBLE') };
};
