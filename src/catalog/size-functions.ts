/**
 * PostgreSQL's functions of sizes and row counts, answering for stored tables. They are called where PostgreSQL runs catalog queries
 * (psql's \dt+, pg_stat_user_tables), over tables that are empty there: the mirror's are replaced by ones that look into
 * the setting `tide.figures`, which the session gives to such a query alone (session/figures.ts). What it has no figure of is
 * NULL: not measured yet, or not the role's to know. PostgreSQL's own relations keep their own sizes.
 */
import { createHash } from 'node:crypto';

/** Figures of a table or an index, in the order in which the setting has them; null: there is none. */
export interface RelationFigures {
  /** Bytes of rows, or of the index. */
  readonly main: number;
  /** Bytes of what goes with the rows; of indexes, 0. */
  readonly metadata: number;
  readonly indexes: number;
  readonly liveRows: number | null;
  readonly deadRows: number | null;
}

export const figuresSetting = 'tide.figures';
export const databaseBytesSetting = 'tide.database_bytes';
export const tablespaceBytesSetting = 'tide.tablespace_bytes';

/** The setting's value. Names are hashed, whatever they hold. */
export function figuresText(
  relations: readonly (readonly [namespace: string, name: string, figures: RelationFigures])[],
): string {
  const lines = relations.map(([namespace, name, figures]) => {
    const { main, metadata, indexes, liveRows, deadRows } = figures;
    const hash = createHash('md5').update(`${namespace}.${name}`).digest('hex');
    return `${hash}=${[main, metadata, indexes, liveRows ?? '', deadRows ?? ''].join('/')}`;
  });
  return `;${lines.join(';')};`;
}

/** The setting's value of tablespaces, by their OIDs in the mirror. */
export function tablespaceBytesText(bytes: ReadonlyMap<number, number>): string {
  return `;${[...bytes].map(([oid, each]) => `${oid}=${each};`).join('')}`;
}

/** Names of the functions, schema left out: a query that calls one is run by the mirror, with the setting. */
export const sizeFunctions: ReadonlySet<string> = new Set([
  'pg_relation_size',
  'pg_table_size',
  'pg_indexes_size',
  'pg_total_relation_size',
  'pg_database_size',
  'pg_tablespace_size',
  'pg_stat_get_live_tuples',
  'pg_stat_get_dead_tuples',
]);

function internal(name: string, parameters: string, symbol: string): string {
  return `create function tide.${name}(${parameters}) returns bigint language internal volatile strict as '${symbol}'`;
}

function stable(name: string, parameters: string, body: string): string {
  return `create function tide.${name}(${parameters}) returns bigint language sql stable strict as $f$ ${body} $f$`;
}

/** A relation whose rows are pgtide's has its figure, another PostgreSQL's own answer. */
function sized(name: string, figures: readonly number[], otherwise: string): string {
  const sum = figures.map((at) => `tide._figure($1, ${at})`).join(' + ');
  return stable(
    name,
    'regclass',
    `select case when tide._ours($1) then ${sum} else ${otherwise} end`,
  );
}

/**
 * PostgreSQL calls its built-in functions by their OIDs, whatever pg_proc says of them by now, unless it puts a function's body in the
 * place of the call: this form of it always lets it (inline_function in clauses.c).
 */
function inlined(signature: string, body: string): string {
  return `create or replace function pg_catalog.${signature} returns bigint language sql stable called on null input as $f$ select ${body} $f$`;
}

/** Statements that make a mirror, whose schema `tide` is there, answer so. */
export const sizeFunctionDeclarations: readonly string[] = [
  internal('_internal_relation_size', 'regclass, text', 'pg_relation_size'),
  internal('_internal_table_size', 'regclass', 'pg_table_size'),
  internal('_internal_indexes_size', 'regclass', 'pg_indexes_size'),
  internal('_internal_total_relation_size', 'regclass', 'pg_total_relation_size'),
  internal('_internal_database_size', 'oid', 'pg_database_size_oid'),
  internal('_internal_database_size', 'name', 'pg_database_size_name'),
  `create function tide._ours(regclass) returns boolean language sql stable strict as $f$
    select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.oid = $1 and c.oid >= 16384 and c.relkind in ('r', 'i') and n.nspname not in ('system', 'tide', 'information_schema')) $f$`,
  stable(
    '_figure',
    'regclass, integer',
    `select nullif(split_part(split_part(split_part(current_setting('${figuresSetting}', true), ';' || md5(n.nspname || '.' || c.relname) || '=', 2), ';', 1), '/', $2), '')::bigint
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $1`,
  ),
  stable(
    '_relation_size',
    'regclass, text',
    `select case when $2 = 'main' and tide._ours($1) then tide._figure($1, 1) else tide._internal_relation_size($1, $2) end`,
  ),
  sized('_table_size', [1, 2], 'tide._internal_table_size($1)'),
  sized('_indexes_size', [3], 'tide._internal_indexes_size($1)'),
  sized('_total_relation_size', [1, 2, 3], 'tide._internal_total_relation_size($1)'),
  // There is one database; templates are PostgreSQL's own.
  stable(
    '_database_size',
    'oid',
    `select case when $1 = (select oid from pg_catalog.pg_database where datname = current_database()) then nullif(current_setting('${databaseBytesSetting}', true), '')::bigint else tide._internal_database_size($1) end`,
  ),
  stable(
    '_database_size',
    'name',
    `select case when $1 = current_database() then nullif(current_setting('${databaseBytesSetting}', true), '')::bigint else tide._internal_database_size($1) end`,
  ),
  internal('_internal_tablespace_size', 'oid', 'pg_tablespace_size_oid'),
  // PostgreSQL's own says who may know, and which is not there.
  stable(
    '_tablespace_size',
    'oid',
    `select case when tide._internal_tablespace_size($1) is not null then nullif(split_part(split_part(current_setting('${tablespaceBytesSetting}', true), ';' || $1 || '=', 2), ';', 1), '')::bigint end`,
  ),
  internal('_internal_tablespace_size', 'name', 'pg_tablespace_size_name'),
  stable(
    '_tablespace_size',
    'name',
    `select case when tide._internal_tablespace_size($1) is not null then tide._tablespace_size((select oid from pg_catalog.pg_tablespace where spcname = $1)) end`,
  ),
  inlined('pg_tablespace_size(oid)', 'tide._tablespace_size($1)'),
  inlined('pg_tablespace_size(name)', 'tide._tablespace_size($1)'),
  inlined('pg_relation_size(regclass, text)', 'tide._relation_size($1, $2)'),
  inlined('pg_relation_size(regclass)', `tide._relation_size($1, 'main')`),
  inlined('pg_table_size(regclass)', 'tide._table_size($1)'),
  inlined('pg_indexes_size(regclass)', 'tide._indexes_size($1)'),
  inlined('pg_total_relation_size(regclass)', 'tide._total_relation_size($1)'),
  inlined('pg_database_size(oid)', 'tide._database_size($1)'),
  inlined('pg_database_size(name)', 'tide._database_size($1)'),
  inlined('pg_stat_get_live_tuples(oid)', 'tide._figure($1, 4)'),
  inlined('pg_stat_get_dead_tuples(oid)', 'tide._figure($1, 5)'),
];
