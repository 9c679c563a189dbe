/**
 * COPY's data formats: pure codecs between rows and bytes, without sockets.
 *
 *   readCopyOptions(CopyStmt.options, 'from')   the statement's options, checked
 *   createCopyDecoder(…).push(CopyData)…finish(CopyDone)
 *   createCopyEncoder(…).start() row(…)… end()
 *
 * Text and csv are read in two ways that must agree: `fast-lines` takes plain lines straight from the bytes, and
 * refuses any other; `line-reader` and `split-line` take every line and find PostgreSQL's errors.
 */
export { checkForcedColumns } from './forced-columns.ts';
export { createCopyDecoder } from './decoder.ts';
export type { CopyColumn, CopyDecoder, CopySource } from './decoder.ts';
export { createCopyEncoder } from './encoder.ts';
export type { CopyEncoder } from './encoder.ts';
export { createInsertBuffers } from './insert-buffers.ts';
export { readCopyOptions } from './options.ts';
export type { CopyColumnNames, CopyDirection, CopyOptions } from './options.ts';
