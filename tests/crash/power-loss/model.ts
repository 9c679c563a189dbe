/** The tables of the workload, what it does to them, and what they may hold after a loss. */
import { crc32 } from 'node:zlib';
import { systemClock } from '../../../src/base/index.ts';
import { testTable } from '../../../src/storage/testing.ts';
import { allRows } from '../../../src/storage/testing-folder.ts';
import type { Storage, StoredTable } from '../../../src/storage/index.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { Oid } from '../../../src/types/oid.ts';

const columns = { id: Oid.int8, version: Oid.int4, filling: Oid.text };

export const shared: StoredTable = testTable({
  tableId: 1001,
  name: 'shared',
  columns,
  primaryKey: ['id'],
  indexes: [{ name: 'shared_version', columns: ['version'] }],
});
export const own: StoredTable = testTable({
  tableId: 1002,
  name: 'own',
  kind: 'user',
  columns,
  primaryKey: ['id'],
});
export const tables: readonly StoredTable[] = [shared, own];
export const users = ['ann', 'bob'];

/** How small logs are, so that many are begun. */
export const logBytesMax = 128 * 1024;

/** A row by table, user and id, and the transaction that wrote its present version; null: gone. */
export type Change = readonly [row: string, version: number | null];

export function rowName(table: StoredTable, userId: string, id: number): string {
  return `${table.name}/${userId}/${id}`;
}

/** A line of the workload's log. Positions are those of the journal, times milliseconds. */
export type LogLine =
  | {
      readonly transaction: number;
      readonly at: number;
      readonly ms: number;
      readonly changes: readonly Change[];
      readonly sync: boolean;
    }
  | { readonly done: number; readonly at: number; readonly ms: number };

/** All rows, by name, with the version that each holds. */
export async function contentOf(storage: Storage): Promise<Map<string, number>> {
  const content = new Map<string, number>();
  const transaction = storage.begin();
  try {
    transaction.newStatement();
    for (const table of tables) {
      for (const row of await allRows(transaction, table, { scope: { kind: 'all' } })) {
        const name = rowName(table, row.userId, Number(row.values[0]));
        if (content.has(name)) throw new Error(`row ${name} is there twice`);
        content.set(name, Number(row.values[1]));
      }
    }
  } finally {
    await transaction.rollback();
  }
  return content;
}

/** A figure of a content that changes with each of its entries, and can be followed from one to the next. */
export interface Fingerprint {
  change(changes: readonly Change[]): void;
  readonly value: string;
}

export function fingerprint(): Fingerprint {
  const content = new Map<string, number>();
  let [a, b] = [0, 0];
  const toggle = (row: string, version: number): void => {
    a ^= crc32(`${row}=${version}`);
    b ^= crc32(`${version}#${row}`);
  };
  return {
    change(changes) {
      for (const [row, version] of changes) {
        const before = content.get(row);
        if (before !== undefined) toggle(row, before);
        if (version === null) content.delete(row);
        else {
          content.set(row, version);
          toggle(row, version);
        }
      }
    },
    get value() {
      return `${content.size} ${a} ${b}`;
    },
  };
}

/** The fingerprint of all rows. */
export async function fingerprintOf(storage: Storage): Promise<string> {
  const found = fingerprint();
  found.change([...(await contentOf(storage))]);
  return found.value;
}

/** Opens a data folder as the workload does. */
export function openLeft(dataDir: string): Promise<Storage> {
  return openStorage({ dataDir, clock: systemClock, options: { hotLogBytesMax: logBytesMax } });
}
