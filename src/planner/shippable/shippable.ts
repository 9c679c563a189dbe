import type { Expr } from '../../analyzer/tree.ts';
import type { ColumnarType, Printed } from '../../executor/print/index.ts';
import { Unprintable } from '../../executor/print/index.ts';
import type { Value } from '../../types/value.ts';

/** An argument as a translation sees it. `type` is undefined for NULL constants and parameters not yet bound. */
export interface Argument extends Printed {
  readonly expr: Expr;
  /** The value of a constant or bound parameter (null: a NULL); undefined: computed per row. */
  readonly constant: Value | undefined;
}

/** What a translation may need to know of the call. */
export interface CallFacts {
  readonly inputCollation: number;
  /** The session's TimeZone is UTC by one of its names. */
  readonly utc: boolean;
}

/** Gives DuckDB's words for a call, exactly PostgreSQL's answer or an error inside DuckDB; throws Unprintable. */
export type Translation = (args: readonly Argument[], facts: CallFacts) => Printed;

/** One row of the shippability table: pg_proc OID, its signature, what DuckDB calls it. */
export type ShippableRow = readonly [oid: number, signature: string, columnar: Translation];

export const simple = (name: Exclude<ColumnarType['name'], 'DECIMAL'>): ColumnarType => ({ name });

/** Text of DuckDB's error() for what PostgreSQL reports as its own error; errors.ts maps it back. */
export const raise = (message: string): string => `error('${message}')`;

/** What `raise` says where only PostgreSQL can tell the answer: the query goes to another executor. */
export const inexact = 'left to PostgreSQL';

/** Collations whose order is that of the UTF-8 bytes: default (PGlite's database is C), C, POSIX, ucs_basic, pg_c_utf8. */
const byteCollations: ReadonlySet<number> = new Set([0, 100, 950, 951, 962, 811]);

export function requireByteCollation(collation: number): void {
  if (!byteCollations.has(collation)) throw new Unprintable(`a collation with OID ${collation}`);
}

/** The argument's constant, when it is one of the wanted JavaScript type. */
export function constantText(arg: Argument | undefined, what: string): string {
  if (typeof arg?.constant !== 'string') throw new Unprintable(`${what} that is no constant`);
  return arg.constant;
}

export function constantInteger(arg: Argument | undefined, what: string): number {
  if (typeof arg?.constant !== 'number') throw new Unprintable(`${what} that is no constant`);
  return arg.constant;
}

/** Values carried as PostgreSQL's text may not be computed with. */
export function requireComputable(arg: Printed, what: string): void {
  if (arg.type?.name === 'TEXT_FORM') throw new Unprintable(`${what} on a type that DuckDB lacks`);
}
