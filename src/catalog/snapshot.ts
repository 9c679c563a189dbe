import { linkForeignKeys } from './foreign-keys.ts';
import type { Names } from './names.ts';
import { typmodSuffix } from './names.ts';
import type {
  CatalogSequence,
  CatalogSnapshot,
  CatalogTable,
  CatalogTablespace,
  VirtualRelation,
} from './types.ts';

export interface SnapshotParts {
  readonly version: number;
  readonly tables: readonly CatalogTable[];
  readonly sequences: readonly CatalogSequence[];
  readonly virtuals: readonly VirtualRelation[];
  readonly tablespaces?: readonly CatalogTablespace[];
  readonly names: Names;
  /** OIDs that relations had earlier in the same transaction, and those of now: plans and deferred checks go by them. */
  readonly formerRelids?: ReadonlyMap<number, number>;
}

export function catalogSnapshot(parts: SnapshotParts): CatalogSnapshot {
  const { names } = parts;
  const tables = linkForeignKeys(parts.tables);
  const byRelid = new Map(tables.map((table) => [table.relid, table]));
  const byName = new Map(
    tables.map((table) => [`${table.stored.namespace}\0${table.stored.name}`, table]),
  );
  const sequences = new Map(parts.sequences.map((sequence) => [sequence.relid, sequence]));
  const now = (relid: number): number => parts.formerRelids?.get(relid) ?? relid;
  const virtuals = new Map(parts.virtuals.map((relation) => [relation.relid, relation]));
  return Object.freeze({
    version: parts.version,
    tables,
    sequences: parts.sequences,
    virtuals: parts.virtuals,
    tablespaces: parts.tablespaces ?? [],
    enums: names.enums,
    hasType: (namespace: string, name: string) => {
      const forms = (text: string): string[] => [text, `"${text.replaceAll('"', '""')}"`];
      const known = new Set(names.types.values());
      return forms(namespace).some((left) =>
        forms(name).some((right) => known.has(`${left}.${right}`)),
      );
    },
    table: (relid: number) => byRelid.get(now(relid)),
    tableByName: (namespace: string, name: string) => byName.get(`${namespace}\0${name}`),
    sequence: (relid: number) => sequences.get(now(relid)),
    virtual: (relid: number) => virtuals.get(relid),
    typeName: (oid: number, typmod: number) => {
      const name = names.types.get(oid);
      if (name === undefined) return undefined;
      const suffix = typmodSuffix(name, typmod);
      // `pg_catalog._int4` and `_varchar(5)`: PostgreSQL reads typmods on the element's spelling with [] only.
      const array = /^pg_catalog\._(\w+)$/.exec(name);
      return array === null ? `${name}${suffix}` : `pg_catalog.${array[1]}${suffix}[]`;
    },
    functionName: (oid: number) => names.functions.get(oid),
    operatorName: (oid: number) => names.operators.get(oid),
    collationName: (oid: number) => names.collations.get(oid),
    constraintName: (oid: number) => names.constraints.get(oid),
    volatility: (oid: number) => names.volatility.get(oid) ?? 'volatile',
  });
}
