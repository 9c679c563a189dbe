/** Level's records and the mirror's relations, put together by name: a snapshot. */
import { assert } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { DecodedTable } from './codec.ts';
import type { SequenceRecord, TablespaceRecord } from './level-records.ts';
import { sequenceOf } from './mirror-sequences.ts';
import type { Names } from './names.ts';
import type { MirrorRelations } from './read-mirror.ts';
import { catalogTable } from './reconcile.ts';
import { catalogSnapshot } from './snapshot.ts';
import { tablespacesOf } from './tablespace-records.ts';
import type { CatalogSequence, CatalogSnapshot, CatalogTable, VirtualRelation } from './types.ts';

export interface Records {
  /** By tableId. */
  readonly tables: ReadonlyMap<number, DecodedTable>;
  /** By sequenceId. */
  readonly sequences: ReadonlyMap<number, SequenceRecord>;
  /** By tablespaceId. */
  readonly tablespaces: ReadonlyMap<number, TablespaceRecord>;
}

/** Schema of the relations whose rows pgtide computes. */
export const computedSchema = 'system';

export function virtualsOf(relations: MirrorRelations): VirtualRelation[] {
  const virtuals: VirtualRelation[] = [];
  for (const { relation } of relations.values()) {
    if (relation.namespace !== computedSchema) continue;
    virtuals.push({
      relid: relation.relid,
      name: relation.name,
      columns: relation.columns.map((column) => ({
        name: column.name,
        typeOid: column.type,
        typmod: column.typmod,
      })),
    });
  }
  return virtuals;
}

export interface JoinInput {
  readonly relations: MirrorRelations;
  readonly records: Records;
  readonly names: Names;
  /** Of the snapshot. */
  readonly version: number;
  readonly readExpr: (nodeTree: string) => Expr;
  readonly formerRelids?: ReadonlyMap<number, number>;
}

/** OIDs of the former reading, and of those before it, with the ones that the same relations have now. */
export function formerRelidsAfter(
  before: MirrorRelations,
  formerRelids: ReadonlyMap<number, number>,
  now: MirrorRelations,
): ReadonlyMap<number, number> {
  const relidByName = new Map([...now].map(([relid, { relation }]) => [nameOf(relation), relid]));
  const moved = new Map<number, number>();
  for (const [relid, { relation }] of before) {
    const relidNow = relidByName.get(nameOf(relation));
    if (relidNow !== undefined && relidNow !== relid) moved.set(relid, relidNow);
  }
  for (const [former, relid] of formerRelids) moved.set(former, moved.get(relid) ?? relid);
  return moved;
}

const nameOf = (of: { readonly namespace: string; readonly name: string }): string =>
  `${of.namespace}\0${of.name}`;

export function joinRelations(input: JoinInput): CatalogSnapshot {
  const { relations, records, names, version, readExpr } = input;
  const tableByName = new Map([...records.tables.values()].map((t) => [nameOf(t.stored), t]));
  const sequenceByName = new Map([...records.sequences.values()].map((s) => [nameOf(s), s]));
  const tables: CatalogTable[] = [];
  const sequences: CatalogSequence[] = [];
  for (const { relation } of relations.values()) {
    if (relation.namespace === computedSchema) continue;
    if (relation.kind === 'r') {
      const table = tableByName.get(nameOf(relation));
      assert(table !== undefined, `the mirror has table ${relation.name}, Level has not`);
      tables.push(catalogTable(relation, table, readExpr));
    } else if (relation.kind === 'S') {
      const record = sequenceByName.get(nameOf(relation));
      assert(record !== undefined, `the mirror has sequence ${relation.name}, Level has not`);
      sequences.push(sequenceOf(relation, record.sequenceId));
    }
  }
  assert(tables.length === records.tables.size, 'Level has a table that the mirror has not');
  return catalogSnapshot({
    version,
    tables,
    sequences,
    virtuals: virtualsOf(relations),
    tablespaces: tablespacesOf(relations, records.tablespaces),
    names,
    ...(input.formerRelids && { formerRelids: input.formerRelids }),
  });
}
