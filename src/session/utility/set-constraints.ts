import { PgError, SqlState, assert } from '../../base/index.ts';
import type { UtilityStatement } from '../../sql/index.ts';
import { fireWaiting } from '../constraints.ts';
import { mirrorOf } from '../mirror-access.ts';
import { inSource } from '../names.ts';
import type { SessionState } from '../state.ts';

/** libpg-query's ConstraintsSetStmt. */
interface ConstraintsSetNode {
  readonly constraints?: readonly {
    readonly RangeVar?: { readonly schemaname?: string; readonly relname?: string };
  }[];
  readonly deferred?: boolean;
}

/**
 * SET CONSTRAINTS { ALL | name, … } { DEFERRED | IMMEDIATE }: how this transaction's constraints are checked from here on; with
 * IMMEDIATE, what has waited is checked now. The mirror says which names are wrong (42704, 42809).
 * @throws 23503, 23505
 */
export async function setConstraints(
  session: SessionState,
  statement: UtilityStatement,
): Promise<void> {
  const { constraints, transaction } = session;
  const { ConstraintsSetStmt: node } = statement.node as {
    ConstraintsSetStmt?: ConstraintsSetNode;
  };
  assert(node !== undefined, 'SET CONSTRAINTS is parsed as one');
  const names = (node.constraints ?? []).flatMap(({ RangeVar }) =>
    RangeVar?.relname === undefined
      ? []
      : [{ schema: RangeVar.schemaname, name: RangeVar.relname }],
  );
  const oids =
    names.length === 0
      ? undefined
      : await mirrorOf(session)(async (mirror) => {
          const settings = session.settings.forPostgres;
          try {
            await mirror.query(statement.text, undefined, settings);
          } catch (error) {
            throw inSource(error, statement);
          }
          const found: number[] = [];
          for (const { schema, name } of names) {
            const { rows } = await mirror.query(
              namedConstraintsSql,
              [name, schema ?? null],
              settings,
            );
            for (const [oid] of rows) found.push(Number(oid));
          }
          return found;
        });
  if (!transaction.inBlock) {
    session.notice({
      severity: 'WARNING',
      code: SqlState.noActiveSqlTransaction,
      message: 'SET CONSTRAINTS can only be used in transaction blocks',
    });
  }
  const deferred = node.deferred === true;
  constraints.setModes(oids, deferred);
  if (!deferred && constraints.waiting) await fireWaiting(session, 'immediate');
}

/** All constraints of the name in the schema, or in the first one of the search path that has any. */
const namedConstraintsSql = `
  select c.oid::int8::text from pg_constraint c
  where c.conname = $1 and c.condeferrable and c.connamespace = (
    select n.oid from pg_namespace n
    where exists (select from pg_constraint d where d.connamespace = n.oid and d.conname = $1)
      and case when $2::text is null then n.nspname = any (current_schemas(true)) else n.nspname = $2 end
    order by array_position(current_schemas(true), n.nspname) limit 1)`;

/** ALTER, DROP and TRUNCATE of a table whose rows have checks that wait. @throws 55006 */
export function refuseWaitingChecks(
  session: Pick<SessionState, 'constraints'>,
  relid: number,
  what: string,
  name: string,
): void {
  if (!session.constraints.waitsFor(relid)) return;
  throw new PgError(
    SqlState.objectInUse,
    `cannot ${what} "${name}" because it has pending trigger events`,
  );
}
