/** What verifying a data folder finds. */
import type { StoredTable } from './table.ts';

/** What verifying finds. */
export type FindingKind =
  /** A checksum is wrong, or something is not readable. */
  | 'damaged'
  /** Something that is listed is not there. */
  | 'missing'
  /** Something is there that nothing leads to. */
  | 'orphan'
  /** Two places that tell of the same thing do not agree. */
  | 'mismatch'
  /** What a crash, a TRUNCATE or a dropped index has left, and the next start or clean-up removes: no harm. */
  | 'leftover';

export interface Finding {
  readonly kind: FindingKind;
  /** Where: a table, a file, a key. */
  readonly subject: string;
  readonly message: string;
}

/** What the layers above say of their entries. */
export interface CatalogCheck {
  readonly tables: readonly StoredTable[];
  /** Tables that are dropped, whose clean-up is to come. */
  readonly passing: readonly number[];
  readonly sequences: readonly number[];
  readonly findings: readonly Finding[];
}

/** Reads the meta entries of catalog, jobs and so on. */
export type ReadCatalog = (entries: readonly (readonly [string, Buffer])[]) => CatalogCheck;

export interface VerifyReport {
  readonly tables: number;
  readonly keys: number;
  readonly hotRows: number;
  /** Those that nothing supersedes. */
  readonly coldRows: number;
  readonly files: number;
  readonly fileBytes: number;
  /** All findings but leftovers. */
  readonly problems: number;
  readonly findings: readonly Finding[];
}
