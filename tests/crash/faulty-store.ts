/** A hot store that tells of each batch what it holds, before and after it is written. */
import { decodeJob } from '../../src/jobs/record.ts';
import type { Faults, HotBatch, HotStore } from '../../src/storage/index.ts';
import { Keyspace } from '../../src/storage/keys/keyspace.ts';
import { decodeRecord } from '../../src/storage/records.ts';
import type { BulkRecord, TableRecord } from '../../src/storage/records.ts';
import type { BatchKind } from './kill-points.ts';

function kindOfPut(key: Uint8Array, value: Uint8Array): BatchKind | undefined {
  switch (key[0]) {
    case Keyspace.rows:
      return 'row commit';
    case Keyspace.manifest:
      return 'manifest commit';
    case Keyspace.sequences:
      return 'sequence reservation';
    case Keyspace.meta: {
      const name = Buffer.from(key.subarray(1)).toString('utf8');
      if (name === 'catalog/state') return 'catalog commit';
      return name.startsWith('jobs/') ? jobChange(name, value) : undefined;
    }
    case Keyspace.bulk: {
      const record = decodeRecord<BulkRecord>(Buffer.from(value), 'a bulk record');
      return record.committed === null ? 'bulk spill' : 'bulk commit';
    }
    case Keyspace.table: {
      const record = decodeRecord<TableRecord>(Buffer.from(value), 'a table record');
      return record.cleaning ? 'truncate commit' : undefined;
    }
    default:
      return undefined;
  }
}

function jobChange(name: string, value: Uint8Array): BatchKind {
  const { jobType, status } = decodeJob(name, value);
  return jobType === 'drop' && status === 'completed' ? 'drop done' : 'job change';
}

function kindOfDelete(key: Uint8Array): BatchKind | undefined {
  switch (key[0]) {
    case Keyspace.rows:
    case Keyspace.index:
      return 'lazy removal';
    case Keyspace.manifest:
      return 'manifest removal';
    case Keyspace.bulk:
      return 'bulk clean-up';
    default:
      return undefined;
  }
}

export function faultyStore(store: HotStore, faults: Faults): HotStore {
  return { ...store, batch: () => faultyBatch(store.batch(), faults) };
}

function faultyBatch(batch: HotBatch, faults: Faults): HotBatch {
  const kinds = new Set<BatchKind>();
  return {
    put(key, value) {
      const kind = kindOfPut(key, value);
      if (kind !== undefined) kinds.add(kind);
      batch.put(key, value);
    },
    delete(key) {
      const kind = kindOfDelete(key);
      if (kind !== undefined) kinds.add(kind);
      batch.delete(key);
    },
    require: (key, value) => batch.require(key, value),
    get operations() {
      return batch.operations;
    },
    async write(options) {
      // A batch that also puts rows deletes hard or moves keys: that is a commit, and no clean-up.
      if (kinds.has('row commit')) kinds.delete('lazy removal');
      for (const kind of kinds) await faults(`${kind}: before write`);
      await batch.write(options);
      for (const kind of kinds) await faults(`${kind}: written`);
    },
  };
}
