import type { Frame, SlotRow } from './frame.ts';
import type { CompiledSelect } from './compile-select.ts';
import type { RelationSource } from './relation-source.ts';

/** What one range table entry of FROM gives. Rows are to be filtered by the caller. */
export interface Source {
  readonly varno: number;
  /** All rows for the frame's outer rows (and, for LATERAL, its current tuple). Relations must have been read ahead. */
  rows(frame: Frame): readonly SlotRow[];
  /** The same, computed one by one: for rows that may fail. */
  readonly each?: (frame: Frame) => Iterable<SlotRow>;
  /** A stored table: read ahead, or streamed when it drives the query. */
  readonly relation: RelationSource | undefined;
  /** A sub-query that reads no outer row: may be streamed when it drives the query. */
  readonly subquery?: CompiledSelect;
}
