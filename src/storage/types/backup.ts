/** Backups, and what belongs to one user. */

export interface BackupOptions {
  /** Absolute. The folder must not exist, or be empty. */
  readonly path: string;
  /** Whose backup it is: with the same token an interrupted one is begun again in its folder, a complete one is found. */
  readonly token: string;
  /** Meta entries that stay out. */
  readonly without?: (metaKey: string) => boolean;
  /** Meta key that is there while a table exists; files of others are about to be removed, and stay out. */
  readonly tableMetaKey: (tableId: number) => string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

export interface BackupResult {
  readonly path: string;
  /** The last commit that is in it. */
  readonly commitSeq: number;
  /** Tables with files. */
  readonly tables: number;
  readonly hotEntries: number;
  readonly files: number;
  readonly coldRows: number;
  /** Of all files of the backup. */
  readonly bytes: number;
}

/** A folder with files of one user, relative as their paths are. */
export interface UserFolder {
  readonly folder: string;
  readonly tablespaceId?: number;
}

/** What a table still has of a user. */
export interface UserLeftovers {
  /** Rows in the hot store: written since. */
  readonly rows: number;
  /** Keys of any kind, those of the rows included. */
  readonly keys: number;
}
