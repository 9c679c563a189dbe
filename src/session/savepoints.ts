import { PgError, SqlState } from '../base/index.ts';
import type { DdlMark, DdlTransaction } from '../catalog/catalog.ts';
import type { StorageSavepoint, StorageTransaction } from '../storage/types.ts';
import type { Characteristics } from './characteristics.ts';
import type { SettingsLayer, SettingsStore } from './settings.ts';
import type { Participant } from './transaction.ts';

/** The savepoints of a transaction block, by name; the same name may stand for several, the last one counts. */
export interface SavepointStack {
  readonly depth: number;
  set(name: string): void;
  /** @throws 3B001 */
  release(name: string): void;
  /** Also out of a failed block. @throws 3B001 */
  rollbackTo(name: string): Promise<void>;
  /** A statement has failed: what was done since the last savepoint is undone at once, and its locks are given back. */
  failed(): Promise<void>;
  /** The transaction has ended. */
  clear(): void;
}

/** What of a transaction a savepoint keeps and takes back. */
export interface SavepointParts {
  readonly settings: SettingsStore;
  readonly participants: readonly Participant[];
  storage(): StorageTransaction;
  ddl(): DdlTransaction | undefined;
  dropDdl(): Promise<void>;
  restored(): void;
  readonly characteristics: { get(): Characteristics; set(value: Characteristics): void };
}

interface Entry {
  readonly name: string;
  readonly storage: StorageSavepoint;
  readonly settings: SettingsLayer;
  readonly characteristics: Characteristics;
  /** Undefined: no DDL was open. */
  readonly ddl: DdlMark | undefined;
  readonly marks: readonly unknown[];
}

export function createSavepoints(parts: SavepointParts): SavepointStack {
  const stack: Entry[] = [];

  const find = (name: string): number => {
    const at = stack.findLastIndex((entry) => entry.name === name);
    if (at >= 0) return at;
    throw new PgError(SqlState.invalidSavepointSpecification, `savepoint "${name}" does not exist`);
  };

  async function backTo(entry: Entry): Promise<void> {
    for (const [i, participant] of parts.participants.entries())
      await participant.rollbackTo(entry.marks[i]);
    // Before the storage, which gives back the locks, the catalog's too.
    const ddl = parts.ddl();
    if (ddl !== undefined) {
      if (entry.ddl === undefined) await parts.dropDdl();
      else await ddl.rollbackTo(entry.ddl);
    }
    await parts.storage().rollbackTo(entry.storage);
    parts.settings.restore(entry.settings);
    parts.characteristics.set(entry.characteristics);
  }

  return {
    get depth() {
      return stack.length;
    },
    set: (name) => {
      const ddl = parts.ddl();
      stack.push({
        name,
        marks: parts.participants.map((participant) => participant.mark()),
        storage: parts.storage().savepoint(),
        settings: parts.settings.layer,
        characteristics: parts.characteristics.get(),
        ddl: ddl?.savepoint(),
      });
    },
    release: (name) => {
      const at = find(name);
      const entry = stack[at]!;
      stack.length = at;
      parts.storage().releaseSavepoint(entry.storage);
    },
    rollbackTo: async (name) => {
      const at = find(name);
      stack.length = at + 1;
      await backTo(stack[at]!);
      parts.restored();
    },
    failed: () => backTo(stack.at(-1)!),
    clear: () => {
      stack.length = 0;
    },
  };
}
