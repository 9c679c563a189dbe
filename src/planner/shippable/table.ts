import { assert } from '../../base/index.ts';
import type { AggregateRow, AggregateRule } from './aggregates.ts';
import { aggregates, windowFunctions } from './aggregates.ts';
import { arithmetic } from './arithmetic.ts';
import { comparisons } from './comparisons.ts';
import { datetime } from './datetime.ts';
import type { ShippableRow, Translation } from './shippable.ts';
import { text } from './text.ts';

/** The shippability table: every function that DuckDB may compute for PostgreSQL, by pg_proc OID. */
export const shippableFunctions: readonly ShippableRow[] = [
  ...comparisons,
  ...arithmetic,
  ...text,
  ...datetime,
];

export const shippableAggregates: readonly AggregateRow[] = [...aggregates, ...windowFunctions];

function byOid<Rule>(
  rows: readonly (readonly [number, string, Rule])[],
): ReadonlyMap<number, Rule> {
  const map = new Map<number, Rule>();
  for (const [oid, signature, rule] of rows) {
    assert(!map.has(oid), `${signature} stands twice in the shippability table`);
    map.set(oid, rule);
  }
  return map;
}

export const functionRules: ReadonlyMap<number, Translation> = byOid(shippableFunctions);
export const aggregateRules: ReadonlyMap<number, AggregateRule> = byOid(shippableAggregates);
