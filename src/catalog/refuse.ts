import { PgError, SqlState, notSupported } from '../base/index.ts';
import { pgType } from '../types/registry.ts';
import type { MirrorRelation } from './read-mirror.ts';
import { storedTypeOf } from './stored-type.ts';
import { reservedSchemas } from './setup.ts';

/** Relation kinds of ours: tables, sequences, views. */
const relationKinds: ReadonlySet<string> = new Set(['r', 'S', 'v']);

const kindNames: Readonly<Record<string, string>> = {
  m: 'materialized view',
  f: 'foreign table',
  p: 'partitioned table',
};

/** Throws 0A000 (or 42501) for what PostgreSQL accepted but pgtide does not hold. */
export function refuseUnsupported(relation: MirrorRelation): void {
  const named = `"${relation.name}"`;
  if (reservedSchemas.has(relation.namespace)) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for schema ${relation.namespace}`,
      { hint: 'This schema belongs to the server.' },
    );
  }
  if (!relationKinds.has(relation.kind)) {
    throw notSupported(`${kindNames[relation.kind] ?? `relation kind ${relation.kind}`} ${named}`);
  }
  if (relation.persistence !== 'p') throw notSupported('a temporary or unlogged relation');
  if (relation.kind !== 'r') return;
  if (relation.isPartition || relation.inherits) throw notSupported('table inheritance');
  if (relation.triggers > 0) throw notSupported('a trigger');
  if (relation.rules > 0) throw notSupported('a rule');
  for (const column of relation.columns) {
    if (column.dropped) continue;
    if (pgType(storedTypeOf(column)) === undefined) {
      throw notSupported(`column "${column.name}" of type ${column.typeName}`, {
        table: relation.name,
        column: column.name,
      });
    }
    if (column.generated === 'v') {
      throw notSupported(`virtual generated column "${column.name}"`, {
        hint: 'Declare it STORED.',
      });
    }
  }
  for (const constraint of relation.constraints) {
    const what = { x: 'exclusion constraint', t: 'constraint trigger' } as const;
    if (constraint.type in what) {
      throw notSupported(`${what[constraint.type as keyof typeof what]} "${constraint.name}"`);
    }
    if (constraint.period) throw notSupported(`temporal constraint "${constraint.name}"`);
  }
  for (const index of relation.indexes) {
    if (index.method !== 'btree') throw notSupported(`index method "${index.method}"`);
    if (index.hasExpressions) throw notSupported(`expression index "${index.name}"`);
    if (index.hasPredicate) throw notSupported(`partial index "${index.name}"`);
    for (const attnum of index.columns.slice(0, index.keyColumns)) {
      const column = relation.columns.find((candidate) => candidate.attnum === attnum);
      if (column !== undefined && pgType(storedTypeOf(column))?.encodeKey === undefined) {
        throw notSupported(`an index on column "${column.name}" of type ${column.typeName}`);
      }
    }
    if (!index.defaultOrdering && index.unique && index.primary) {
      throw notSupported(`a primary key with its own ordering "${index.name}"`);
    }
  }
}
