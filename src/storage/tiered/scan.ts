import type { TableRuntime } from '../keys/table-runtime.ts';
import type { ScanOptions, StoredRow } from '../types.ts';
import type { ReadContext } from './hot-scan.ts';
import { scanHotRows } from './hot-scan.ts';

/** A scan of both tiers. */
export function scanRows(
  context: ReadContext,
  runtime: TableRuntime,
  options: ScanOptions,
): AsyncIterable<StoredRow[]> {
  return scanHotRows(context, runtime, options);
}
