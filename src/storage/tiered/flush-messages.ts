import { PgError } from '../../base/index.ts';
import type { ReportFields } from '../../base/index.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import type { StoredTable } from '../types.ts';
import type { FlushWork, FlushedScope } from './flush-files.ts';

/** What a flush thread opens. */
export interface FlushThreadData {
  /** The hot store's folder, as level-store.ts names it. */
  readonly folder: string;
  readonly tempDirectory: string;
  readonly memoryBytesMax: number;
}

export type ToFlushThread =
  | { readonly kind: 'open'; readonly data: FlushThreadData }
  | { readonly kind: 'flush'; readonly work: FlushWork; readonly asksFaults: boolean }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'answer'; readonly call: number; readonly target?: FileTarget }
  | { readonly kind: 'refusal'; readonly call: number; readonly error: SentError }
  | { readonly kind: 'close' };

export type FromFlushThread =
  | { readonly kind: 'opened'; readonly error: SentError | undefined }
  | { readonly kind: 'closed' }
  | { readonly kind: 'scope'; readonly scope: FlushedScope }
  | { readonly kind: 'progress'; readonly read: number; readonly key: Uint8Array }
  | { readonly kind: 'written'; readonly read: number }
  | { readonly kind: 'left behind' }
  | { readonly kind: 'target'; readonly call: number; readonly userId: string }
  | { readonly kind: 'fault'; readonly call: number; readonly step: string }
  | { readonly kind: 'end'; readonly error: SentError | undefined };

/** An error on its way between threads. */
export interface SentError {
  readonly message: string;
  readonly code: string | undefined;
  readonly report: ReportFields | undefined;
  readonly stack: string | undefined;
}

export function sendError(error: unknown): SentError {
  if (!(error instanceof Error))
    return { message: String(error), code: undefined, report: undefined, stack: undefined };
  const report = error instanceof PgError ? error.report : undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { message: error.message, code, report, stack: error.stack };
}

export function receiveError({ message, code, report, stack }: SentError): Error {
  if (report !== undefined && code !== undefined) return new PgError(code, message, report);
  const error = new Error(message);
  if (code !== undefined) Object.assign(error, { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The parts of a table that storage goes by, without whatever else the caller's object has. */
export function sendTable(table: StoredTable): StoredTable {
  const { tableId, namespace, name, kind, schemaVersion, columns, layouts } = table;
  const { primaryKey, indexes } = table;
  return { tableId, namespace, name, kind, schemaVersion, columns, layouts, primaryKey, indexes };
}

/** Buffers arrive as plain arrays of bytes. */
export function receiveWork(work: FlushWork): FlushWork {
  const ranges = work.ranges.map(({ from, to }) => ({ from: asBuffer(from), to: asBuffer(to) }));
  return { ...work, ranges };
}

/** The same of what comes back. */
export function receiveScope({ userId, files, pinned }: FlushedScope): FlushedScope {
  return {
    userId,
    files: files.map(({ entry, bloom }) => ({
      entry: { ...entry, minKey: asBuffer(entry.minKey), maxKey: asBuffer(entry.maxKey) },
      bloom: asBuffer(bloom),
    })),
    pinned: pinned.map(({ key, seq }) => ({ key: asBuffer(key), seq })),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
