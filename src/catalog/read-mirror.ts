import type { MirrorConnection } from './mirror.ts';

/** What the mirror's catalog says of the users' relations, as plain data. */
export interface MirrorColumn {
  readonly attnum: number;
  readonly name: string;
  readonly type: number;
  readonly typeName: string;
  readonly typmod: number;
  readonly notNull: boolean;
  readonly dropped: boolean;
  readonly identity: '' | 'a' | 'd';
  readonly generated: '' | 's' | 'v';
  /** Node tree (pg_attrdef.adbin). */
  readonly default: string | null;
  /** Text of the one-element array in pg_attribute.attmissingval. */
  readonly missing: string | null;
}

export interface MirrorConstraint {
  readonly oid: number;
  readonly name: string;
  /** pg_constraint.contype. */
  readonly type: 'c' | 'n' | 'p' | 'u' | 'f' | 'x' | 't';
  readonly columns: readonly number[] | null;
  /** Node tree of a check (conbin). */
  readonly expr: string | null;
  readonly validated: boolean;
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  /** False: NOT ENFORCED. */
  readonly enforced: boolean;
  /** WITHOUT OVERLAPS, PERIOD. */
  readonly period: boolean;
  readonly indexRelid: number;
  /** Foreign keys only. */
  readonly references: {
    readonly relid: number;
    readonly columns: readonly number[];
    /** pg_constraint.confmatchtype and its like, one letter each. */
    readonly match: string;
    readonly onDelete: string;
    readonly onUpdate: string;
    readonly deleteSetColumns: readonly number[] | null;
  } | null;
}

export interface MirrorIndex {
  readonly relid: number;
  readonly name: string;
  readonly columns: readonly number[];
  /** Leading columns that are keys; the rest are INCLUDEd. */
  readonly keyColumns: number;
  readonly unique: boolean;
  readonly primary: boolean;
  /** False: its constraint is deferrable, so that duplicates may be there for a while. */
  readonly immediate: boolean;
  readonly nullsNotDistinct: boolean;
  readonly hasExpressions: boolean;
  readonly hasPredicate: boolean;
  readonly method: string;
  /** Every key column in its type's default order and collation. */
  readonly defaultOrdering: boolean;
}

export interface MirrorRelation {
  readonly relid: number;
  readonly rowType: number;
  readonly namespace: string;
  readonly name: string;
  /** pg_class.relkind. */
  readonly kind: string;
  readonly persistence: string;
  readonly owner: string;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
  readonly isPartition: boolean;
  readonly inherits: boolean;
  readonly triggers: number;
  readonly rules: number;
  readonly columns: readonly MirrorColumn[];
  readonly constraints: readonly MirrorConstraint[];
  readonly indexes: readonly MirrorIndex[];
  readonly sequence: {
    readonly type: number;
    readonly start: string;
    readonly increment: string;
    readonly min: string;
    readonly max: string;
    readonly cycle: boolean;
  } | null;
}

const readRelationsSql = `
select c.oid::text, json_build_object(
  'relid', c.oid::int8, 'rowType', c.reltype::int8, 'namespace', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'persistence', c.relpersistence, 'owner', pg_get_userbyid(c.relowner), 'rowSecurity', c.relrowsecurity,
  'forceRowSecurity', c.relforcerowsecurity, 'isPartition', c.relispartition,
  'inherits', exists (select from pg_inherits i where i.inhrelid = c.oid or i.inhparent = c.oid),
  'triggers', (select count(*) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
  'rules', (select count(*) from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN'),
  'columns', coalesce((select json_agg(json_build_object(
      'attnum', a.attnum, 'name', a.attname, 'type', a.atttypid::int8, 'typeName', format_type(a.atttypid, a.atttypmod),
      'typmod', a.atttypmod, 'notNull', a.attnotnull, 'dropped', a.attisdropped, 'identity', a.attidentity,
      'generated', a.attgenerated, 'default', d.adbin::text,
      'missing', case when a.atthasmissing then a.attmissingval::text end) order by a.attnum)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0), '[]'),
  'constraints', coalesce((select json_agg(json_build_object(
      'oid', o.oid::int8, 'name', o.conname, 'type', o.contype, 'columns', o.conkey, 'expr', o.conbin::text, 'validated', o.convalidated,
      'deferrable', o.condeferrable, 'initiallyDeferred', o.condeferred, 'enforced', o.conenforced, 'period', o.conperiod,
      'indexRelid', o.conindid::int8, 'references', case when o.contype = 'f' then json_build_object(
        'relid', o.confrelid::int8, 'columns', o.confkey, 'match', o.confmatchtype, 'onDelete', o.confdeltype,
        'onUpdate', o.confupdtype, 'deleteSetColumns', o.confdelsetcols) end) order by o.conname)
    from pg_constraint o where o.conrelid = c.oid), '[]'),
  'indexes', coalesce((select json_agg(json_build_object(
      'relid', i.indexrelid::int8, 'name', ic.relname, 'columns', i.indkey::int2[], 'keyColumns', i.indnkeyatts,
      'unique', i.indisunique, 'primary', i.indisprimary, 'immediate', i.indimmediate, 'nullsNotDistinct', i.indnullsnotdistinct,
      'hasExpressions', i.indexprs is not null, 'hasPredicate', i.indpred is not null, 'method', m.amname,
      'defaultOrdering', not exists (select from unnest(i.indoption::int2[], i.indclass::oid[], i.indcollation::oid[]) as k(o, class, coll)
         join pg_opclass oc on oc.oid = k.class where k.o <> 0 or not oc.opcdefault or k.coll not in (0, 100, 950)))
      order by i.indexrelid)
    from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_am m on m.oid = ic.relam
    where i.indrelid = c.oid), '[]'),
  'sequence', (select json_build_object('type', s.seqtypid::int8, 'start', s.seqstart::text, 'increment', s.seqincrement::text,
      'min', s.seqmin::text, 'max', s.seqmax::text, 'cycle', s.seqcycle) from pg_sequence s where s.seqrelid = c.oid)
  )::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'tide') and n.nspname !~ '^pg_(toast|temp)' and c.relkind not in ('i', 'I', 'c', 't')
order by c.oid`;

/** The users' relations and the computed ones, by OID in ascending order. */
export type MirrorRelations = ReadonlyMap<number, ReadRelation>;

export interface ReadRelation {
  readonly relation: MirrorRelation;
  /** As it was read: the relation is as before when the text is. */
  readonly text: string;
}

/** Reads all relations; those that are as in `former` stay the same objects. */
export async function readRelations(
  mirror: MirrorConnection,
  former?: MirrorRelations,
): Promise<MirrorRelations> {
  const relations = new Map<number, ReadRelation>();
  for (const [oid, text] of await mirror.rows(readRelationsSql)) {
    const relid = Number(oid);
    const known = former?.get(relid);
    if (known !== undefined && known.text === text) relations.set(relid, known);
    else relations.set(relid, { relation: JSON.parse(text!) as MirrorRelation, text: text! });
  }
  return relations;
}

/** Names that printers need, by OID. */
export const readNamesSql = {
  functions: (from: number) =>
    `select p.oid::text, quote_ident(n.nspname) || '.' || quote_ident(p.proname), p.provolatile from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.oid >= ${from}`,
  operators: (from: number) =>
    `select o.oid::text, quote_ident(n.nspname) || '.' || o.oprname from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where o.oid >= ${from}`,
  types: (from: number) =>
    `select t.oid::text, quote_ident(n.nspname) || '.' || quote_ident(t.typname) from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid >= ${from}`,
  collations: (from: number) =>
    `select c.oid::text, quote_ident(n.nspname) || '.' || quote_ident(c.collname) from pg_collation c join pg_namespace n on n.oid = c.collnamespace where c.oid >= ${from}`,
  constraints: `select oid::text, conname from pg_constraint where conrelid <> 0 and oid >= 16384`,
};

/** OIDs below are PostgreSQL's own and never change (FirstNormalObjectId). */
export const firstUserOid = 16384;
