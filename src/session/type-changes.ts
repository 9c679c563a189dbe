/** ALTER COLUMN … TYPE: what PostgreSQL makes of USING, or of the cast where there is none. */
import { assert } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { DdlTransaction } from '../catalog/catalog.ts';
import type { CatalogTable } from '../catalog/types.ts';
import { quoteIdentifier } from '../pglite/index.ts';
import type { DdlStatement } from '../sql/index.ts';
import { typeChanges as typeChangesOf } from '../sql/index.ts';
import type { StorageTransaction } from '../storage/types.ts';
import { sharedScope } from '../storage/types.ts';
import { findTable } from './ddl-locks.ts';
import type { SessionState } from './state.ts';

/** What an ALTER TABLE makes of the columns whose type it changes. */
export interface Conversions {
  /** The table, as it is before. */
  readonly table: CatalogTable;
  /** By attnum: an expression over the former row, whose columns are Vars by attnum. */
  readonly exprs: ReadonlyMap<number, Expr>;
  /** A USING says what the values are, be the type what it may. */
  readonly computed: boolean;
}

const savepoint = 'pgtide_type_changes';
/** Stands for the table in its new form; a name that no column of the user's has. */
const shape = 'tide.type_changes';
const shapeColumn = (attnum: number): string => quoteIdentifier(`\u0001 ${attnum}`);
const noSettings: ReadonlyMap<string, string> = new Map();

/**
 * The expressions by which the statement's type changes convert the rows of its table; undefined: it has none, or there are no
 * rows, or PostgreSQL will refuse the statement.
 *
 * The USING expression is kept in no catalog, and the cast that stands in for it is an assignment's, which no SELECT can say. So the
 * statement is tried and taken back for the types that it leads to, and an UPDATE of a table of these types from the former one is
 * analyzed: its assignments are the expressions, coerced as ALTER TABLE coerces them.
 */
export async function conversionsOf(
  session: SessionState,
  ddl: DdlTransaction,
  statement: DdlStatement,
  sql: string,
  storage: StorageTransaction,
): Promise<Conversions | undefined> {
  const changes = typeChangesOf(statement.text, statement.node);
  if (changes.length === 0 || statement.alterTable === undefined) return undefined;
  const found = findTable(session, statement.alterTable.name);
  if (found === undefined || !(await hasRows(storage, found))) return undefined;
  return await ddl.hold(async () => {
    const { engine, settings, transaction } = session;
    const { mirror } = engine;
    // OIDs may be others than before the hold.
    const table = transaction.catalog.table(found.relid);
    assert(table !== undefined, 'a table outlives the wait for the mirror');
    const run = (text: string): Promise<unknown> => mirror.query(text, undefined, noSettings);
    const goBack = (): Promise<unknown> => run(`rollback to savepoint ${savepoint}`);
    await run(`savepoint ${savepoint}`);
    try {
      const types = await mirror.query(sql, undefined, settings.forPostgres).then(
        () => newTypes(session, table.relid),
        () => undefined,
      );
      await goBack();
      if (types === undefined) return undefined;
      const wanted = changes.flatMap(({ column, using }) => {
        const attnum = table.columns.find((one) => one.name === column)?.id;
        const type = attnum === undefined ? undefined : types.get(attnum);
        return attnum === undefined || type === undefined ? [] : [{ attnum, type, column, using }];
      });
      const columns = wanted.map(({ attnum, type }) => `${shapeColumn(attnum)} ${type}`);
      await run(`create table ${shape} (${columns.join(', ')})`);
      const assignments = wanted.map(
        ({ attnum, column, using }) =>
          `${shapeColumn(attnum)} = (${using ?? quoteIdentifier(column)}\n)`,
      );
      const { namespace, name } = table.stored;
      const { queries } = await engine.analyzer.analyze(
        `update ${shape} as "\u0001" set ${assignments.join(', ')} from ${quoteIdentifier(namespace)}.${quoteIdentifier(name)}`,
        [],
        settings.forPostgres,
        { cache: false },
      );
      await goBack();
      const targets = queries[0]?.targetList ?? [];
      const exprs = new Map<number, Expr>();
      wanted.forEach(({ attnum }, i) => {
        const target = targets.find(({ resno, junk }) => !junk && resno === i + 1);
        assert(target !== undefined, 'an UPDATE has its assignments');
        exprs.set(attnum, target.expr);
      });
      return { table, exprs, computed: wanted.some(({ using }) => using !== undefined) };
    } finally {
      if (mirror.transactionStatus === 'E') await goBack();
      await run(`release savepoint ${savepoint}`);
    }
  });
}

/** Types with their modifiers, by attnum, of a table as the mirror shows it. */
async function newTypes(
  session: SessionState,
  relid: number,
): Promise<ReadonlyMap<number, string>> {
  const { rows } = await session.engine.mirror.query(
    `select attnum::text, format_type(atttypid, atttypmod) from pg_attribute
     where attrelid = $1::oid and attnum > 0 and not attisdropped`,
    [String(relid)],
    noSettings,
  );
  return new Map(rows.map(([attnum, type]) => [Number(attnum), type ?? '']));
}

/** Whether there is any row, soft-deleted ones included. */
async function hasRows(storage: StorageTransaction, { stored }: CatalogTable): Promise<boolean> {
  return await storage.newest(async () => {
    const scope = stored.kind === 'user' ? ({ kind: 'all' } as const) : sharedScope;
    for await (const rows of storage.scan(stored, { scope, includeDeleted: true, limit: 1 })) {
      if (rows.length > 0) return true;
    }
    return false;
  });
}
