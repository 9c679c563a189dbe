import type { RelationLeaf, Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';

/** The leaf for a relation of this level's range table; made on first use. */
export function relationLeaf(varno: number, scope: Scope): RelationLeaf {
  const known = scope.leaves.get(varno);
  if (known) return known;
  const rte = scope.rtable[varno - 1];
  if (rte?.rteKind !== 'relation') unsupported('a range table entry that is no table');
  if (rte.tablesample) unsupported('TABLESAMPLE');
  const table = scope.compiler.catalog.table(rte.relid);
  if (!table) unsupported(`relation ${rte.name}, which is no stored table`);
  const leaf: RelationLeaf = { rte, table, attnos: new Set() };
  scope.leaves.set(varno, leaf);
  return leaf;
}
