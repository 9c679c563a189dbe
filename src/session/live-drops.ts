import { PgError, SqlState } from '../base/index.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { LiveQueries, LiveQuery } from '../live/index.ts';
import type { DdlStatement } from '../sql/index.ts';
import type { SessionState } from './state.ts';
import type { SessionTransaction } from './transaction.ts';

/** Live queries named in one error's DETAIL at most. */
const namedMax = 100;

/** Tables dropped in the open transaction, whose live queries end when it commits. */
export interface LiveDrops {
  add(tables: readonly CatalogTable[]): void;
}

/** Makes the ends of live queries part of a session's transaction: its savepoints, its commit. */
export function createLiveDrops(live: LiveQueries, transaction: SessionTransaction): LiveDrops {
  let dropped: readonly CatalogTable[] = [];
  transaction.join({
    mark: () => dropped,
    rollbackTo: (mark) => {
      dropped = mark as readonly CatalogTable[];
    },
    ended: (committed) => {
      const tables = dropped;
      dropped = [];
      if (!committed) return;
      for (const { stored } of tables) {
        const why = `relation "${stored.namespace}.${stored.name}" was dropped`;
        live.endByTable(stored.tableId, new PgError(SqlState.undefinedTable, why));
      }
    },
  });
  return {
    add: (tables) => {
      if (tables.length > 0) dropped = [...dropped, ...tables];
    },
  };
}

const line = ({ processId, role, queryId }: LiveQuery): string =>
  `connection ${processId} of user ${role} subscribes to it with query ${queryId}`;

/**
 * Tables that a statement has dropped may have live queries only under CASCADE, which ends them when the transaction commits.
 * @throws 55006 with a line for each
 */
export function endLiveQueries(
  session: SessionState,
  statement: DdlStatement,
  before: CatalogSnapshot,
): void {
  const { engine, transaction, liveDrops } = session;
  const now = transaction.catalog;
  const dropped = before.tables.filter(({ relid }) => now.table(relid) === undefined);
  if (statement.drop?.cascade !== true) {
    for (const { stored } of dropped) {
      const queries = engine.live.ofTable(stored.tableId);
      if (queries.length === 0) continue;
      const lines = queries.slice(0, namedMax).map(line);
      if (queries.length > namedMax) lines.push(`and ${queries.length - namedMax} others`);
      throw new PgError(
        SqlState.objectInUse,
        `cannot drop table ${stored.name} because it has active subscriptions`,
        {
          detail: lines.join('\n'),
          hint: 'Use DROP ... CASCADE to end them too.',
        },
      );
    }
  }
  // Also those that have none now: one may come until the commit.
  liveDrops.add(dropped);
}
