import type { MirrorConnection } from './mirror.ts';

/** What the mirror's catalog says of the users' relations, as plain data. */
export interface MirrorColumn {
  readonly attnum: number;
  readonly name: string;
  readonly type: number;
  readonly typeName: string;
  readonly isEnum: boolean;
  /** Of arrays of an enum type. */
  readonly isEnumList: boolean;
  readonly typmod: number;
  readonly notNull: boolean;
  readonly dropped: boolean;
  readonly identity: '' | 'a' | 'd';
  readonly generated: '' | 's' | 'v';
  /** Node tree (pg_attrdef.adbin). */
  readonly default: string | null;
  /** The same as SQL. */
  readonly defaultText: string | null;
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
  /** OID of its tablespace; 0: the default one. */
  readonly tablespace: number;
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

/** OIDs below are PostgreSQL's own and never change (FirstNormalObjectId). */
export const firstUserOid = 16384;

const relationsSql = (which: string): string => `
select c.oid::text, json_build_object(
  'relid', c.oid::int8, 'rowType', c.reltype::int8, 'namespace', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'persistence', c.relpersistence, 'owner', pg_get_userbyid(c.relowner), 'rowSecurity', c.relrowsecurity,
  'forceRowSecurity', c.relforcerowsecurity, 'tablespace', c.reltablespace::int8, 'isPartition', c.relispartition,
  'inherits', exists (select from pg_inherits i where i.inhrelid = c.oid or i.inhparent = c.oid),
  'triggers', (select count(*) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
  'rules', (select count(*) from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN'),
  'columns', coalesce((select json_agg(json_build_object(
      'attnum', a.attnum, 'name', a.attname, 'type', a.atttypid::int8, 'typeName', format_type(a.atttypid, a.atttypmod),
      'isEnum', exists (select from pg_type t where t.oid = a.atttypid and t.typtype = 'e'),
      'isEnumList', exists (select from pg_type t where t.typarray = a.atttypid and t.typtype = 'e'), 'typmod', a.atttypmod, 'notNull', a.attnotnull, 'dropped', a.attisdropped, 'identity', a.attidentity,
      'generated', a.attgenerated, 'default', d.adbin::text, 'defaultText', pg_get_expr(d.adbin, d.adrelid),
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
where n.nspname not in ('pg_catalog', 'information_schema', 'tide') and n.nspname !~ '^pg_(toast|temp)' and c.relkind not in ('i', 'I', 'c', 't') ${which}
order by c.oid`;

export interface MirrorTablespace {
  readonly oid: number;
  readonly name: string;
  readonly owner: string;
}

/** The users' relations and the computed ones, by OID. */
export interface MirrorRelations extends ReadonlyMap<number, ReadRelation> {
  /** All of them, PostgreSQL's own too. */
  readonly tablespaces: readonly MirrorTablespace[];
  /** What the next reading is compared with. */
  readonly inventory: Inventory;
}

export interface ReadRelation {
  readonly relation: MirrorRelation;
  /** As it was read: the relation is as before when the text is. */
  readonly text: string;
}

/** What is there, as text to be compared. */
interface Inventory {
  /** The next transaction id: whatever changes from now on has this or a greater one. */
  readonly nextXid: string;
  readonly relations: string;
  /** Each index and constraint with its table: those that go leave no trace in a row that stays. */
  readonly parts: string;
  /** Names of schemas and roles, which relations are read with. */
  readonly names: string;
}

const nextXidSql = '(pg_snapshot_xmax(pg_current_snapshot())::text::int8 % 4294967296)::text';

/** The transaction id that the mirror gives out next. */
export async function nextXid(mirror: MirrorConnection): Promise<string> {
  const [row] = await mirror.rows(`select ${nextXidSql}`);
  return row?.[0] ?? '';
}

/**
 * The inventory, and the relations with a row of the system catalogs that is as young as transaction `since`. A statement that
 * runs in a subtransaction of its own has an id of its own.
 */
const inventorySql = (since: string): string => {
  const young = (row: string): string => `age(${row}.xmin) <= age('${since}'::xid)`;
  return `
select ${nextXidSql},
  (select string_agg(c.oid::text, ',' order by c.oid) from pg_class c
    where c.oid >= ${firstUserOid} and c.relkind not in ('i', 'I', 'c', 't')),
  concat_ws('/', (select string_agg(i.indexrelid::text || ' ' || i.indrelid, ',' order by i.indexrelid) from pg_index i
      where i.indrelid >= ${firstUserOid}),
    (select string_agg(o.oid::text || ' ' || o.conrelid, ',' order by o.oid) from pg_constraint o
      where o.conrelid >= ${firstUserOid})),
  concat_ws('/', (select string_agg(oid::text || nspname, ',' order by oid) from pg_namespace),
    (select string_agg(oid::text || rolname, ',' order by oid) from pg_authid)),
  (select json_agg(json_build_object('oid', oid::int8, 'name', spcname, 'owner', pg_get_userbyid(spcowner)) order by oid)::text
    from pg_tablespace),
  (select string_agg(distinct relid::text, ',') from (
    select c.oid from pg_class c where ${young('c')} and c.relkind not in ('i', 'I')
    union all select a.attrelid from pg_attribute a where ${young('a')}
    union all select d.adrelid from pg_attrdef d where ${young('d')}
    union all select o.conrelid from pg_constraint o where ${young('o')}
    union all select i.indrelid from pg_index i where ${young('i')}
    union all select i.indrelid from pg_class c join pg_index i on i.indexrelid = c.oid where ${young('c')}
    union all select s.seqrelid from pg_sequence s where ${young('s')}
    union all select t.tgrelid from pg_trigger t where ${young('t')}) as changed(relid)
    where relid >= ${firstUserOid})`;
};

/** Tables of the entries (oid and table) that only one of the two lists has. */
function ownersOfDifferences(left: string, right: string): number[] {
  const entries = (text: string): Set<string> => new Set(text.split(/[,/]/));
  const [a, b] = [entries(left), entries(right)];
  const only = [...a]
    .filter((entry) => !b.has(entry))
    .concat([...b].filter((entry) => !a.has(entry)));
  return only.flatMap((entry) => (entry === '' ? [] : [Number(entry.split(' ')[1])]));
}

async function readWhere(
  mirror: MirrorConnection,
  which: string,
  former: ReadonlyMap<number, ReadRelation>,
): Promise<[number, ReadRelation][]> {
  return (await mirror.rows(relationsSql(which))).map(([oid, text]) => {
    const relid = Number(oid);
    const known = former.get(relid);
    if (known !== undefined && known.text === text) return [relid, known];
    return [relid, { relation: JSON.parse(text!) as MirrorRelation, text: text! }];
  });
}

const noRelations: ReadonlyMap<number, ReadRelation> = new Map();

/**
 * Reads the relations; those that are as in `former` stay the same objects. With `changesOnly` it is sure that whatever has
 * changed since then was changed by transactions not yet begun then.
 */
export async function readRelations(
  mirror: MirrorConnection,
  former?: MirrorRelations,
  changesOnly = false,
): Promise<MirrorRelations> {
  const since = former?.inventory.nextXid ?? '3';
  const [row] = await mirror.rows(inventorySql(since));
  const [nextXid, relations, parts, names, spaces, young] = (row ?? []).map((text) => text ?? '');
  const tablespaces = JSON.parse(spaces!) as MirrorTablespace[];
  const inventory: Inventory = {
    nextXid: nextXid!,
    relations: relations!,
    parts: parts!,
    names: names!,
  };
  const before = former?.inventory;
  if (!changesOnly || former === undefined || before === undefined || before.names !== names) {
    const all = await readWhere(mirror, '', former ?? noRelations);
    return Object.assign(new Map(all), { inventory, tablespaces });
  }
  const changed = new Set(
    (young ?? '')
      .split(',')
      .filter((oid) => oid !== '')
      .map(Number),
  );
  for (const relid of ownersOfDifferences(before.parts, inventory.parts)) changed.add(relid);
  const live = new Set(inventory.relations.split(',').map(Number));
  const known = new Set(before.relations.split(',').map(Number));
  for (const relid of live) if (!known.has(relid)) changed.add(relid);
  const merged = new Map([...former].filter(([relid]) => live.has(relid)));
  if (changed.size > 0) {
    const read = await readWhere(mirror, `and c.oid in (${[...changed].join(',')})`, former);
    for (const [relid, relation] of read) merged.set(relid, relation);
  }
  // A relation that has left for a schema that is not read is in none of the lists: the order is that of a full reading.
  const ordered = [...merged].sort(([a], [b]) => a - b);
  return Object.assign(new Map(ordered), { inventory, tablespaces });
}

/** Names that printers need: what it names (a letter), OID, name, volatility of a function. For e: an enum type, as JSON. */
export const readNamesSql = (from: number): string => `
select 'f', p.oid::text, quote_ident(n.nspname) || '.' || quote_ident(p.proname), p.provolatile::text
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.oid >= ${from}
union all select 'o', o.oid::text, quote_ident(n.nspname) || '.' || o.oprname, null
  from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where o.oid >= ${from}
union all select 't', t.oid::text, quote_ident(n.nspname) || '.' || quote_ident(t.typname), null
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid >= ${from}
union all select 'e', t.oid::text, json_build_object('oid', t.oid::int8, 'arrayOid', t.typarray::int8, 'namespace', n.nspname, 'name', t.typname,
    'labels', coalesce((select json_agg(json_build_object('oid', e.oid::int8, 'label', e.enumlabel) order by e.enumsortorder)
      from pg_enum e where e.enumtypid = t.oid), '[]'))::text, null
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype = 'e' and t.oid >= ${from}
union all select 'l', c.oid::text, quote_ident(n.nspname) || '.' || quote_ident(c.collname), null
  from pg_collation c join pg_namespace n on n.oid = c.collnamespace where c.oid >= ${from}
union all select 'k', oid::text, conname, null from pg_constraint where conrelid <> 0 and oid >= ${firstUserOid}`;
