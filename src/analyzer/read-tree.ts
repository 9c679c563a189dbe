/** Node text to typed trees. */
import { assert } from '../base/index.ts';
import { isRecord, readNodeText, unwrapLines } from './node-text.ts';
import { readExpr } from './read-expr.ts';
import { readQuery } from './read-query.ts';
import type { Expr, Query } from './tree.ts';

/**
 * The list of queries that debug_print_rewritten prints; none for utility statements. One character per byte.
 */
export function readQueries(bytesText: string): readonly Query[] {
  const list = readNodeText(unwrapLines(bytesText));
  assert(Array.isArray(list), 'the rewritten parse tree is a list');
  const queries: Query[] = [];
  for (const node of list) {
    assert(isRecord(node), 'the rewritten parse tree holds queries');
    // CMD_UTILITY: what is inside is for utility commands only.
    if (node.fields.get('commandType') !== '6') queries.push(readQuery(node));
  }
  return queries;
}

/** An expression as the catalog keeps it: pg_attrdef.adbin, pg_constraint.conbin, pg_index.indpred. */
export function readStoredExpr(text: string): Expr {
  const node = readNodeText(Buffer.from(text, 'utf8').toString('latin1'));
  assert(isRecord(node), 'a stored expression is a node');
  return readExpr(node, readQuery);
}
