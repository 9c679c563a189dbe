import type { ColumnarType, Printed } from '../../executor/print/index.ts';
import { Unprintable } from '../../executor/print/index.ts';
import type { Argument, CallFacts } from './shippable.ts';
import { inexact, raise, requireByteCollation, requireComputable, simple } from './shippable.ts';

/** How DuckDB computes an aggregate or window function: its name, arguments, and what is made of the call. */
export interface AggregateRule {
  readonly name: string;
  /** Checks and prints the arguments. */
  args(args: readonly Argument[], facts: CallFacts): readonly string[];
  /** Around the whole call, FILTER and OVER included. `beside` gives another aggregate over the same rows. */
  result(
    call: string,
    args: readonly Argument[],
    beside: (name: string, argument: string) => string,
  ): Printed;
  /** The order of input shows in the result: shippable only with ORDER BY. */
  readonly ordered?: boolean;
}

export type AggregateRow = readonly [oid: number, signature: string, columnar: AggregateRule];

type Plain = Exclude<ColumnarType['name'], 'DECIMAL'>;

const plain = (args: readonly Argument[]): readonly string[] => args.map((arg) => arg.sql);

const computable = (args: readonly Argument[], facts: CallFacts): readonly string[] =>
  args.map((arg) => {
    requireComputable(arg, 'an aggregate');
    if (arg.type?.name === 'VARCHAR') requireByteCollation(facts.inputCollation);
    return arg.sql;
  });

const cast =
  (type: Plain): AggregateRule['result'] =>
  (call) => ({ sql: `CAST(${call} AS ${type})`, type: simple(type) });

const ofArgument: AggregateRule['result'] = (call, args) => ({ sql: call, type: args[0]?.type });

const named = (name: string, result: AggregateRule['result']): AggregateRule => ({
  name,
  args: computable,
  result,
});

/** bpchar's order ignores trailing blanks: which of two equal values wins would differ. */
const extreme = (name: 'min' | 'max'): AggregateRule => ({
  name,
  args: (args, facts) => {
    if (args[0]?.type?.name === 'BPCHAR') throw new Unprintable(`${name}(character)`);
    return computable(args, facts);
  },
  result: ofArgument,
});

const max = extreme('max');
const min = extreme('min');

/** sum(numeric): of the argument's scale; more than 38 digits are an error in DuckDB and the query runs elsewhere. */
const sumNumeric: AggregateRule = named('sum', (call, [arg]) =>
  arg?.type?.name === 'DECIMAL'
    ? {
        sql: `CAST(${call} AS DECIMAL(38,${arg.type.scale}))`,
        type: { name: 'DECIMAL', precision: 38, scale: arg.type.scale },
      }
    : { sql: call },
);

const sumBigint: AggregateRule = named('sum', (call) => ({
  sql: `CAST(${call} AS DECIMAL(38,0))`,
  type: { name: 'DECIMAL', precision: 38, scale: 0 },
}));

/** An infinite result may be an overflow, which PostgreSQL reports, or come from an infinity. */
const finiteDouble: AggregateRule['result'] = (call) => ({
  sql: `CASE WHEN isinf(${call}) THEN ${raise(inexact)} ELSE ${call} END`,
  type: simple('DOUBLE'),
});

/** PostgreSQL's avg also sums squares of differences, up to (2 n x)^2: below this bound they can't overflow, nor are x NaN. */
const averagedMax = '1e140';

const averageDouble: AggregateRule['result'] = (call, [arg], beside) => ({
  sql: `CASE WHEN ${beside('max', `abs(${arg!.sql})`)} > ${averagedMax} THEN ${raise(inexact)} ELSE ${call} END`,
  type: simple('DOUBLE'),
});

const count: AggregateRule = { name: 'count', args: plain, result: cast('BIGINT') };

/** Left out: avg of whole and exact numbers (the split does it), statistics, JSON, arrays. */
export const aggregates: readonly AggregateRow[] = [
  [2803, 'count(*)', count],
  [2147, 'count("any")', count],
  [2108, 'sum(integer)', named('sum', cast('BIGINT'))],
  [2109, 'sum(smallint)', named('sum', cast('BIGINT'))],
  [2107, 'sum(bigint)', sumBigint],
  [2114, 'sum(numeric)', sumNumeric],
  [2111, 'sum(double precision)', named('sum', finiteDouble)],
  [2105, 'avg(double precision)', named('avg', averageDouble)],
  [2104, 'avg(real)', named('avg', averageDouble)],
  [2115, 'max(bigint)', max],
  [2116, 'max(integer)', max],
  [2117, 'max(smallint)', max],
  [2118, 'max(oid)', max],
  [2119, 'max(real)', max],
  [2120, 'max(double precision)', max],
  [2122, 'max(date)', max],
  [2123, 'max(time)', max],
  [2126, 'max(timestamp)', max],
  [2127, 'max(timestamptz)', max],
  [2129, 'max(text)', max],
  [2130, 'max(numeric)', max],
  [6395, 'max(bytea)', max],
  [2131, 'min(bigint)', min],
  [2132, 'min(integer)', min],
  [2133, 'min(smallint)', min],
  [2134, 'min(oid)', min],
  [2135, 'min(real)', min],
  [2136, 'min(double precision)', min],
  [2138, 'min(date)', min],
  [2139, 'min(time)', min],
  [2142, 'min(timestamp)', min],
  [2143, 'min(timestamptz)', min],
  [2145, 'min(text)', min],
  [2146, 'min(numeric)', min],
  [6396, 'min(bytea)', min],
  [2517, 'bool_and(boolean)', named('bool_and', cast('BOOLEAN'))],
  [2518, 'bool_or(boolean)', named('bool_or', cast('BOOLEAN'))],
  [2519, 'every(boolean)', named('bool_and', cast('BOOLEAN'))],
  [2236, 'bit_and(smallint)', named('bit_and', ofArgument)],
  [2238, 'bit_and(integer)', named('bit_and', ofArgument)],
  [2240, 'bit_and(bigint)', named('bit_and', ofArgument)],
  [2237, 'bit_or(smallint)', named('bit_or', ofArgument)],
  [2239, 'bit_or(integer)', named('bit_or', ofArgument)],
  [2241, 'bit_or(bigint)', named('bit_or', ofArgument)],
  [
    3538,
    'string_agg(text, text)',
    {
      name: 'string_agg',
      args(args) {
        if (typeof args[1]?.constant !== 'string') {
          throw new Unprintable('string_agg with a separator that is no constant');
        }
        return plain(args);
      },
      result: cast('VARCHAR'),
      ordered: true,
    },
  ],
];

/** lag and lead take the value's type; offsets are integers in both. */
const shifted = (name: 'lag' | 'lead'): AggregateRule => ({
  name,
  args(args) {
    const [value, , otherwise] = args;
    if (
      otherwise?.type &&
      value?.type &&
      JSON.stringify(otherwise.type) !== JSON.stringify(value.type)
    ) {
      throw new Unprintable(`${name}() with a default of another type`);
    }
    return plain(args);
  },
  result: ofArgument,
});

const picked = (name: string): AggregateRule => ({ name, args: plain, result: ofArgument });
const ranked = (name: string, type: Plain): AggregateRule => ({
  name,
  args: plain,
  result: cast(type),
});

/** Pure window functions; aggregates over windows are those above. */
export const windowFunctions: readonly AggregateRow[] = [
  [3100, 'row_number()', ranked('row_number', 'BIGINT')],
  [3101, 'rank()', ranked('rank', 'BIGINT')],
  [3102, 'dense_rank()', ranked('dense_rank', 'BIGINT')],
  [3103, 'percent_rank()', ranked('percent_rank', 'DOUBLE')],
  [3104, 'cume_dist()', ranked('cume_dist', 'DOUBLE')],
  [3105, 'ntile(integer)', ranked('ntile', 'INTEGER')],
  [3106, 'lag(anyelement)', shifted('lag')],
  [3107, 'lag(anyelement, integer)', shifted('lag')],
  [3108, 'lag(anycompatible, integer, anycompatible)', shifted('lag')],
  [3109, 'lead(anyelement)', shifted('lead')],
  [3110, 'lead(anyelement, integer)', shifted('lead')],
  [3111, 'lead(anycompatible, integer, anycompatible)', shifted('lead')],
  [3112, 'first_value(anyelement)', picked('first_value')],
  [3113, 'last_value(anyelement)', picked('last_value')],
  [3114, 'nth_value(anyelement, integer)', picked('nth_value')],
];
