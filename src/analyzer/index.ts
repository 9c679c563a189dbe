/**
 * analyzer: what a statement means. The text goes as Parse and Describe to a PGlite whose catalog mirrors ours; parameter
 * types, the row description and PostgreSQL's own analyzed, rewritten Query tree come back, or PostgreSQL's own error.
 *
 * tree.ts says what comes out. On the way: analyzer.ts (one round trip, the cache) → read-tree.ts → node-text.ts (the text
 * of outfuncs.c as untyped records) → read-query.ts, read-rte.ts, read-expr.ts (typed records) → datum.ts (constants).
 * Nothing here keeps state but the statement cache.
 *
 * To debug: readNodeText(unwrapLines(text)) of what `debug_print_rewritten` prints shows the untyped records.
 */
export { analyzerParameters, createAnalyzer } from './analyzer.ts';
export type { Analyzer, AnalyzeOptions } from './analyzer.ts';
export { readStoredExpr } from './read-tree.ts';
export type * from './tree.ts';
