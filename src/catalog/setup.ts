import { createHash } from 'node:crypto';
import { serverFunctionDeclarations } from './server-functions.ts';
import { sizeFunctionDeclarations } from './size-functions.ts';
import { tablespaceSetup } from './tablespace-records.ts';

/**
 * What every mirror holds besides the users' objects. The marker functions make `m._seq` resolve by PostgreSQL's attribute
 * notation (they are never executed); snowflake_id and tide.* are computed by pgtide's own executors.
 */
const builtins: readonly string[] = [
  `create function pg_catalog._seq(record) returns bigint language plpgsql immutable as 'begin return null; end'`,
  `create function pg_catalog._updated(record) returns timestamptz language plpgsql immutable as 'begin return null; end'`,
  `create function pg_catalog._deleted(record) returns boolean language plpgsql immutable as 'begin return null; end'`,
  `create function pg_catalog._user_id(record) returns text language plpgsql immutable as 'begin return null; end'`,
  `create function pg_catalog.snowflake_id() returns bigint language plpgsql volatile as 'begin return null; end'`,
  `create role tide_service nologin`,
  `create schema tide`,
  `grant usage on schema tide to public`,
  ...serverFunctionDeclarations,
  ...sizeFunctionDeclarations,
  `create table tide.mirror_stamp (version bigint not null)`,
  `insert into tide.mirror_stamp values (0)`,
  ...tablespaceSetup,
  `create schema system`,
  `grant usage on schema system to public`,
];

/** Schemas that belong to pgtide or PostgreSQL: no DDL by users. */
export const reservedSchemas: ReadonlySet<string> = new Set([
  'system',
  'tide',
  'pg_catalog',
  'information_schema',
]);

export interface MirrorSetup {
  readonly statements: readonly string[];
  /** Changes when the statements do: a mirror set up differently is rebuilt. */
  readonly fingerprint: string;
}

/** @param systemRelations CREATE TABLE statements for the computed relations of schema `system`. */
export function mirrorSetup(systemRelations: readonly string[]): MirrorSetup {
  const statements = [
    ...builtins,
    ...systemRelations,
    'grant select on all tables in schema system to public',
  ];
  const fingerprint = createHash('sha256').update(statements.join('\n')).digest('hex').slice(0, 16);
  return { statements, fingerprint };
}
