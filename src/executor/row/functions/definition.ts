import type { Value } from '../../../types/value.ts';

/** A function over non-null values of its signature's types; the Environment comes after the last argument. */
export type Implementation = (...args: never[]) => Value;

/** How a call looks where it stands. */
export interface Call {
  readonly argTypes: readonly number[];
  readonly resultType: number;
  /** The collation that the function is to use, 0 when it has none. */
  readonly collation: number;
}

export interface FunctionEntry {
  readonly oid: number;
  /** `name(arg,arg)` with pg_type.typname; a test checks it against pg_proc. */
  readonly signature: string;
  /** NULL for any NULL argument, without a call. */
  readonly strict: boolean;
  /** undefined: not exact for this call's types. */
  bind(call: Call): Implementation | undefined;
}

type StrictRow = readonly [oid: number, signature: string, run: Implementation];

/** Strict functions whose arguments' types are fixed. */
export function strictFunctions(rows: readonly StrictRow[]): FunctionEntry[] {
  return rows.map(([oid, signature, run]) => ({ oid, signature, strict: true, bind: () => run }));
}

type TypedRow = readonly [
  oid: number,
  signature: string,
  bind: (call: Call) => Implementation | undefined,
];

/** Strict functions that need to know their arguments' types. */
export function typedFunctions(rows: readonly TypedRow[]): FunctionEntry[] {
  return rows.map(([oid, signature, bind]) => ({ oid, signature, strict: true, bind }));
}

/** Functions that take NULL and need to know their arguments' types. */
export function nullableFunctions(rows: readonly TypedRow[]): FunctionEntry[] {
  return rows.map(([oid, signature, bind]) => ({ oid, signature, strict: false, bind }));
}

/** pg_collation OIDs that order by bytes: none, default (C.UTF-8), C, POSIX, ucs_basic, pg_c_utf8, pg_unicode_fast. */
const byteCollations: ReadonlySet<number> = new Set([0, 100, 950, 951, 962, 811, 6411]);

export function isByteCollation(oid: number): boolean {
  return byteCollations.has(oid);
}
