import { PgError, SqlState } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';
import type { StoredColumn, StoredTable } from '../types.ts';
import type { TupleDecoder } from './decoder.ts';
import { tupleDecoder } from './decoder.ts';
import type { TupleEncoder } from './encoder.ts';
import { tupleEncoder } from './encoder.ts';
import { tupleSchemaVersion } from './header.ts';
import type { Slab } from './value-codec.ts';
import { newSlab } from './value-codec.ts';

/** How a table's tuples are written and, whatever version wrote them, read. */
export interface TableCodec {
  /** A tuple of `row`, not yet sealed. It lies in memory that others share, so it must not be grown. */
  encode(row: Row, flags: number, updated: bigint): Buffer;
  readonly encodeTo: TupleEncoder;
  /** All columns, or only those of `needed`. */
  decode(tuple: Buffer, projection?: Projection): Row;
}

/** A set of column ids with its decoders; made once per scan by `projection`. */
export interface Projection {
  readonly needed: ReadonlySet<number> | undefined;
  readonly decoders: Map<number, TupleDecoder>;
}

/** Where single tuples are made. */
const shared: Slab = newSlab();

export function projection(columns: readonly number[] | undefined): Projection {
  return { needed: columns === undefined ? undefined : new Set(columns), decoders: new Map() };
}

export function tableCodec(table: StoredTable): TableCodec {
  const all = projection(undefined);
  let encoder: TupleEncoder | undefined;
  const encodeTo: TupleEncoder = (slab, row, flags, updated) => {
    encoder ??= tupleEncoder(table.columns, table.schemaVersion);
    return encoder(slab, row, flags, updated);
  };
  return {
    encode(row, flags, updated) {
      const start = encodeTo(shared, row, flags, updated);
      return shared.buffer.subarray(start, shared.at);
    },
    encodeTo,
    decode(tuple, wanted = all) {
      const version = tupleSchemaVersion(tuple);
      let decoder = wanted.decoders.get(version);
      if (decoder === undefined) {
        decoder = tupleDecoder(layoutOf(table, version), table.columns, wanted.needed);
        wanted.decoders.set(version, decoder);
      }
      return decoder(tuple);
    },
  };
}

export function layoutOf(table: StoredTable, version: number): readonly StoredColumn[] {
  const layout = version === table.schemaVersion ? table.columns : table.layouts.get(version);
  if (layout === undefined)
    throw new PgError(
      SqlState.dataCorrupted,
      `table "${table.name}" has a row of unknown schema version ${version}`,
    );
  return layout;
}
