import type { Printed } from '../../executor/print/index.ts';
import { Unprintable, decimalPrecisionMax } from '../../executor/print/index.ts';
import type { Argument, CallFacts, Translation } from './shippable.ts';
import { requireByteCollation, requireComputable, simple } from './shippable.ts';

/** DuckDB compares decimals at their greater scale: both must still fit there. */
function requireCommonDecimal(left: Printed, right: Printed): void {
  if (left.type?.name !== 'DECIMAL' || right.type?.name !== 'DECIMAL') return;
  const whole = Math.max(
    left.type.precision - left.type.scale,
    right.type.precision - right.type.scale,
  );
  const scale = Math.max(left.type.scale, right.type.scale);
  if (whole + scale > decimalPrecisionMax) {
    throw new Unprintable('a comparison of numerics that have no common DECIMAL');
  }
}

/** bpchar ignores trailing blanks. */
const comparable = (arg: Printed): string =>
  arg.type?.name === 'BPCHAR' ? `rtrim(${arg.sql}, ' ')` : arg.sql;

/** Checks that DuckDB orders and equates the two as PostgreSQL does, and gives them ready to be compared. */
export function compared(
  args: readonly Argument[] | readonly Printed[],
  facts: Pick<CallFacts, 'inputCollation'>,
): readonly [left: string, right: string] {
  const [left, right] = args as readonly [Printed, Printed];
  requireComputable(left, 'a comparison');
  requireComputable(right, 'a comparison');
  requireCommonDecimal(left, right);
  for (const { type } of [left, right]) {
    if (type?.name === 'VARCHAR' || type?.name === 'BPCHAR')
      requireByteCollation(facts.inputCollation);
  }
  return [comparable(left), comparable(right)];
}

const comparison =
  (operator: string): Translation =>
  (args, facts) => {
    const [left, right] = compared(args, facts);
    return { sql: `(${left} ${operator} ${right})`, type: simple('BOOLEAN') };
  };

export const equal = comparison('=');
export const notEqual = comparison('<>');
export const less = comparison('<');
export const lessOrEqual = comparison('<=');
export const greater = comparison('>');
export const greaterOrEqual = comparison('>=');
