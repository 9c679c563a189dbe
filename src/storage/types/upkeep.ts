/** What is done to the files and keys of a table: flush, compaction, retention, rewrite, move. */
import type { Row } from '../../types/value.ts';
import type { StoredRow } from './reading.ts';

export interface FlushResult {
  readonly rows: number;
  readonly users: number;
  readonly files: number;
  readonly bytes: number;
}

export interface RemoveDeletedOptions {
  /** Microseconds since 2000-01-01 UTC: rows with an earlier `_updated` go. */
  readonly before: bigint;
  /** An earlier attempt may have removed rows without asking for their space. */
  readonly again?: boolean;
  readonly signal?: AbortSignal;
}

export interface CompactOptions {
  /**
   * Merge every small file and write again whatever holds a superseded row, as VACUUM does; otherwise what is worth its cost: many
   * files of a size, or a file of which a large part is superseded.
   */
  readonly everything?: boolean;
  /** Write again whatever holds a superseded row, as retention does; merge only what is worth it. */
  readonly purge?: boolean;
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

export interface CompactResult {
  /** Users looked at; 1 at most for other tables. */
  readonly scopes: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Rows written again, and those left out as superseded. */
  readonly rowsRead: number;
  readonly rowsRemoved: number;
  readonly marksRemoved: number;
  /** Files of any table that no manifest lists any more and that could not be removed, with the reason. */
  readonly leftFiles: readonly { readonly path: string; readonly error: Error }[];
}

/** What a rewrite makes of rows: values parallel to the columns of the table that they go to. */
export interface RowRewriter {
  /** @throws what a value that has no form there, or a constraint, is refused with */
  live(rows: readonly StoredRow[]): Promise<readonly Row[]>;
  /** Soft-deleted rows. One that comes without a value for the key goes. */
  deleted(rows: readonly StoredRow[]): Promise<readonly Row[]>;
}

export interface RewriteOptions {
  /** Default: values stay as they are, and columns that `from` lacks get their missing value. */
  readonly rewriter?: RowRewriter | undefined;
  /** The fraction is an estimate. `rows` have been read so far. */
  readonly onProgress?: ((fraction: number, rows: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MoveResult {
  readonly files: number;
  readonly bytes: number;
}
