/**
 * Verifies the tables that were there at the start, each before anything in its range of keys is read and all of them in the
 * background, so that a start does not take longer the more data there is.
 *
 * The files are held open: LevelDB may compact a damaged table, checksums unseen, and remove it before its turn comes. What is
 * then found damaged is written down for the next start.
 */
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PgError, SqlState } from '../../../base/index.ts';
import type { LiveTable } from './folder.ts';
import { damageRecordName } from './folder.ts';
import { tableDamage } from './table-file.ts';

/** Tables held open to be verified later, of 8 MiB each; what is more is verified before the start goes on. */
const heldTablesMax = 512;

export interface TableChecks {
  /** Throws XX001 when a table with the key is damaged; verifies it now when its turn has not come. */
  requireKey(key: Uint8Array): void;
  /** The same for a range (`to` exclusive), a table at a time; undefined when there is nothing to wait for. */
  requireRange(from: Uint8Array, to: Uint8Array): Promise<void> | undefined;
  /** Verifies what is left, a table a turn. */
  start(onDamage: (damage: PgError) => void): void;
  close(): Promise<void>;
}

interface Held {
  readonly table: LiveTable;
  readonly file: number;
  damage: PgError | undefined;
}

/** Errors: XX001 for one of the tables that are verified at once. */
export function holdTables(folder: string, tables: readonly LiveTable[]): TableChecks {
  /** Not verified yet, or damaged. */
  let suspects: Held[] = [];
  let working: Promise<void> = Promise.resolve();
  let closed = false;

  const verify = (held: Held): void => {
    if (held.damage === undefined) {
      const { table } = held;
      const bytes = Buffer.allocUnsafe(table.bytes);
      const read = readSync(held.file, bytes, 0, bytes.length, 0);
      const what = read < bytes.length ? 'it is too short' : tableDamage(bytes);
      if (what === undefined) {
        suspects = suspects.filter((one) => one !== held);
        closeSync(held.file);
        return;
      }
      held.damage = new PgError(
        SqlState.dataCorrupted,
        `file "${table.path}" is corrupted: ${what}`,
        { hint: 'Restore the data folder from a backup.' },
      );
      writeFileSync(join(folder, damageRecordName), table.path, { flush: true });
    }
    throw held.damage;
  };
  const touching = (from: Uint8Array, to: Uint8Array): Held[] =>
    suspects.filter(
      ({ table }) => table.greatest.compare(from) >= 0 && table.least.compare(to) < 0,
    );

  for (const [i, table] of tables.entries()) {
    const held = { table, file: openSync(table.path, 'r'), damage: undefined };
    suspects.push(held);
    if (i >= heldTablesMax) verify(held);
  }

  return {
    requireKey(key) {
      if (suspects.length === 0) return;
      for (const held of suspects)
        if (held.table.least.compare(key) <= 0 && held.table.greatest.compare(key) >= 0)
          verify(held);
    },
    requireRange(from, to) {
      if (suspects.length === 0) return undefined;
      const found = touching(from, to);
      if (found.length === 0) return undefined;
      return (async () => {
        for (const held of found) {
          if (suspects.includes(held)) verify(held);
          await nextTurn();
        }
      })();
    },
    start(onDamage) {
      working = (async () => {
        // The list is replaced, not changed, as tables turn out to be sound.
        for (const held of suspects) {
          await nextTurn();
          if (closed) return;
          if (!suspects.includes(held)) continue;
          const known = held.damage !== undefined;
          try {
            verify(held);
          } catch (error) {
            if (!(error instanceof PgError)) throw error;
            if (!known) onDamage(error);
          }
        }
      })();
    },
    async close() {
      closed = true;
      await working;
      for (const held of suspects) closeSync(held.file);
      suspects = [];
    },
  };
}
