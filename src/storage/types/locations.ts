/** The places outside the data folder where files may be. */
import type { StorageTransaction } from './transaction.ts';

/** What the manifest lists in one location. */
export interface LocationUse {
  readonly files: number;
  readonly bytes: number;
  /** Tables with files there, dropped ones among them as long as their files are. */
  readonly tableIds: ReadonlySet<number>;
}

/** The places outside the data folder where files may be: what tablespaces stand for. */
export interface Locations {
  /**
   * Makes and claims a location's folder. `put` belongs into the transaction that makes the tablespace; `undo` takes back what has
   * been done when that is not committed. A crash in between leaves nothing.
   * @throws 42P17, 42602, 0A000, 22023 for what it says, 55006 when it overlaps another, 42501, 58P01, 42809, 53100, 58030 by the disk
   */
  make(
    tablespaceId: number,
    location: string,
  ): Promise<{ put(transaction: StorageTransaction): void; undo(): Promise<void> }>;
  /** `put` belongs into the transaction that drops the tablespace, `finish` comes after its commit. No file may be there. */
  remove(tablespaceId: number): {
    put(transaction: StorageTransaction): void;
    finish(): Promise<void>;
  };
  /** Whether there are files that the manifest does not list: not yet, as they are being written, or no more, while they are read. */
  inUse(tablespaceId: number): boolean;
  /** By tablespace; undefined is the data folder. */
  uses(): Promise<ReadonlyMap<number | undefined, LocationUse>>;
}
