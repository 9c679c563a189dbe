/**
 * system: the relations of schema `system`, whose rows pgtide computes when they are read.
 *
 * Each relation is a record (`relations/`): name, columns, and a function from what a viewer may know of to rows. The catalog's mirror
 * holds an empty table for each, so that PostgreSQL resolves names and types; an executor then gets the rows from `virtualRows`.
 *
 * Who sees what: superusers and members of pg_monitor all; others tables that they have a right on, jobs of tables that they
 * own, sessions of their role without the texts, those sessions' locks, and of user tables nothing of other user ids. To add a relation, add
 * its file and its name below; the mirror is rebuilt by itself, as its fingerprint changes.
 *
 * Debugging: `\d system.*`; a wrong number of values in a row is an assertion here.
 */
import { assert } from '../base/index.ts';
import type { VirtualRows } from '../session/engine.ts';
import { auditLog } from './relations/audit-log.ts';
import { files } from './relations/files.ts';
import { jobs } from './relations/jobs.ts';
import { liveQueries } from './relations/live-queries.ts';
import { locks } from './relations/locks.ts';
import { namespaces } from './relations/namespaces.ts';
import { sessions } from './relations/sessions.ts';
import { settings } from './relations/settings.ts';
import { storages } from './relations/storages.ts';
import { stats } from './relations/stats.ts';
import { tableSchemas } from './relations/table-schemas.ts';
import { tables } from './relations/tables.ts';
import { users } from './relations/users.ts';
import type { SystemRelation, SystemSources } from './types.ts';
import { viewOf } from './view.ts';

export type { SystemSources } from './types.ts';

const relations: readonly SystemRelation[] = [
  auditLog,
  files,
  jobs,
  liveQueries,
  locks,
  namespaces,
  sessions,
  settings,
  stats,
  storages,
  tableSchemas,
  tables,
  users,
];

/** Statements that make the relations in a mirror, whose schema `system` is there. */
export const systemRelations: readonly string[] = relations.flatMap(
  ({ name, columns, comment }) => [
    `create table system.${name} (${columns.map(([column, type]) => `${column} ${type}`).join(', ')})`,
    `comment on table system.${name} is '${comment.replaceAll("'", "''")}'`,
  ],
);

export const virtualNames: readonly string[] = relations.map((relation) => relation.name);

export function virtualRows(sources: SystemSources): VirtualRows {
  const byName = new Map(relations.map((relation) => [relation.name, relation]));
  return async (name, viewer) => {
    const relation = byName.get(name);
    assert(
      relation !== undefined,
      `system.${name} is a relation that the mirror has and we have not`,
    );
    const rows = await relation.rows(await viewOf(viewer, sources), sources);
    assert(
      rows.every((row) => row.length === relation.columns.length),
      `rows of system.${name} have its columns`,
    );
    return { rows };
  };
}
