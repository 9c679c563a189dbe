/** What would go, or keep a table from going, when it is dropped. */
import type { Connection } from './connect.ts';
import type { TableName } from './relation.ts';

/** A view on the table, or on such a view, or another table's foreign key to it. */
export interface Dependent {
  /** As PostgreSQL names it: `view chat.recent`, `constraint reads_m_fkey on table chat.reads`. */
  readonly description: string;
}

/** Views by way of their rules, to any depth; foreign keys by pg_constraint. */
const dependentsSql = `
  with recursive views(oid) as (
    select r.ev_class from pg_depend d join pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = $1::int8::oid
      and r.ev_class <> $1::int8::oid
    union
    select r.ev_class from views v join pg_depend d on d.refobjid = v.oid join pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and r.ev_class <> v.oid
  )
  select pg_describe_object('pg_class'::regclass, oid, 0) as description from views
  union all
  select pg_describe_object('pg_constraint'::regclass, oid, 0) from pg_constraint
  where contype = 'f' and confrelid = $1::int8::oid and conrelid <> $1::int8::oid
  order by 1`;

export function readDependents({ query }: Connection, { oid }: TableName): Promise<Dependent[]> {
  return query<Dependent>(dependentsSql, [oid]);
}

/** A live query of a client on the table. */
export interface Subscription {
  readonly query_id: number;
  readonly process_id: number;
  readonly user_name: string;
  readonly user_id: string;
}

/** Those that this role may see; DROP TABLE itself knows of all. */
export function readSubscriptions(
  { query }: Connection,
  { namespace, name }: TableName,
): Promise<Subscription[]> {
  return query<Subscription>(
    `select query_id, process_id, user_name, user_id from system.live_queries where tables @> to_jsonb($1::text) order by query_id`,
    [`${namespace}.${name}`],
  );
}
