import { PgError, SqlState } from '../../base/index.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import type { UtilityStatement } from '../../sql/index.ts';
import { tellRowCount } from '../figures.ts';
import { mirrorOf } from '../mirror-access.ts';
import { inSource, relidOf } from '../names.ts';
import type { SessionState, StatementResult } from '../state.ts';
import { vacuumTable } from './vacuum-table.ts';

type Maintenance = Extract<UtilityStatement, { kind: 'vacuum' | 'analyze' }>;

/** Values with which a Boolean option is off (defGetBoolean); without one it is on. */
const off: ReadonlySet<string> = new Set(['false', 'off', '0']);

function isOn(statement: Maintenance, option: string): boolean {
  if (!statement.options.has(option)) return false;
  return !off.has((statement.options.get(option) ?? 'true').toLowerCase());
}

/**
 * VACUUM and ANALYZE. PostgreSQL judges options, names, columns and privileges on its mirror of the tables, which is empty; its
 * errors and warnings are the statement's. VACUUM then waits for jobs that remove everything that nobody sees any more and merge small
 * files (vacuum-table.ts); what else PostgreSQL's would do (freezing) has nothing to act on here. ANALYZE counts rows anew: what the
 * choice of executor goes by.
 */
export async function maintain(
  session: SessionState,
  statement: Maintenance,
): Promise<StatementResult> {
  const { engine, transaction } = session;
  const { kind, tag } = statement;
  const vacuums = kind === 'vacuum' && !isOn(statement, 'only_database_stats');
  const analyzes = kind === 'analyze' || isOn(statement, 'analyze');
  if (kind === 'vacuum' && (transaction.inBlock || session.severalStatements)) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      'VACUUM cannot run inside a transaction block',
    );
  }
  const judged = await mirrorOf(session)((mirror) =>
    mirror.query(statement.text, undefined, session.settings.forPostgres),
  ).catch((error: unknown) => {
    throw inSource(error, statement);
  });
  for (const notice of judged.notices) {
    // INFO is what VERBOSE tells of the empty tables.
    if (notice.severity !== 'INFO') session.notice(notice);
  }
  const verbose = isOn(statement, 'verbose');
  const tell = (message: string): void => {
    if (!verbose) return;
    session.notice({ severity: 'INFO', code: SqlState.successfulCompletion, message });
  };
  for (const table of await maintained(session, statement)) {
    const { stored } = table;
    session.signal.throwIfAborted();
    const name = `${stored.namespace}.${stored.name}`;
    if (vacuums) {
      tell(`vacuuming "${session.client.database}.${name}"`);
      const done = await vacuumTable(session, table);
      const title = `finished vacuuming "${session.client.database}.${name}"`;
      tell(done.length === 0 ? title : `${title}: ${done.join('\n')}`);
    }
    if (!analyzes) {
      const known = (await engine.figures.of([stored])).get(stored.tableId);
      await tellRowCount(session, table, known?.stats);
      continue;
    }
    tell(`analyzing "${name}"`);
    const { stats } = await engine.figures.measure(stored);
    await tellRowCount(session, table, stats);
    const { hotRows, coldRows, files } = stats;
    tell(`"${stored.name}": ${hotRows} hot rows, ${coldRows} rows in ${files} files`);
  }
  return { kind: 'done', tag };
}

/** The stored tables that are named, or all; without those that PostgreSQL has skipped for want of a privilege. */
async function maintained(
  session: SessionState,
  { tables: named }: Maintenance,
): Promise<readonly CatalogTable[]> {
  const { roles, transaction } = session;
  const { catalog } = transaction;
  let tables = catalog.tables;
  if (named.length > 0) {
    const relids = await Promise.all(named.map((one) => relidOf(session, one.name)));
    tables = relids.flatMap((relid) => catalog.table(relid) ?? []);
  }
  if (roles.superuser || tables.length === 0) return tables;
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(
      `select ${tables.map(({ relid }) => `has_table_privilege($1, ${relid}::oid, 'MAINTAIN')::text`).join(', ')}`,
      [roles.name],
      new Map(),
    ),
  );
  return tables.filter((_, i) => rows[0]?.[i] === 'true');
}
