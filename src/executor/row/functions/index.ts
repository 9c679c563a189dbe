import { ageFunctions } from './age.ts';
import { arrayFunctions } from './array.ts';
import { castFunctions } from './casts.ts';
import { comparisonFunctions } from './comparison.ts';
import { dateArithmeticFunctions } from './date-arithmetic.ts';
import { datePartFunctions } from './date-parts.ts';
import type { FunctionEntry } from './definition.ts';
import { floatFunctions } from './float.ts';
import { integerFunctions } from './integer.ts';
import { jsonbFunctions } from './jsonb.ts';
import { numericFunctions } from './numeric.ts';
import { textFunctions } from './text.ts';

/** Every function of the row executor, by pg_proc OID. */
export const functionEntries: readonly FunctionEntry[] = [
  ...comparisonFunctions,
  ...integerFunctions,
  ...floatFunctions,
  ...numericFunctions,
  ...castFunctions,
  ...textFunctions,
  ...dateArithmeticFunctions,
  ...datePartFunctions,
  ...ageFunctions,
  ...arrayFunctions,
  ...jsonbFunctions,
];

const byOid = new Map(functionEntries.map((entry) => [entry.oid, entry]));

export function functionEntry(oid: number): FunctionEntry | undefined {
  return byOid.get(oid);
}
