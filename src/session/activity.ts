import type { Executors } from '../executor/run-plan.ts';
import type { ExecutorName } from '../planner/nodes.ts';

/** What the sessions of this server have done since it started; system.stats shows it. */
export interface Activity {
  /** Transactions that ended so, those that only read included. */
  commits: number;
  rollbacks: number;
  statements: number;
  errors: number;
  connections: number;
  /** How often an executor ran a query or a part of one. */
  readonly executors: Record<ExecutorName, number>;
  /** Statements that PostgreSQL ran as they are: of its catalog, or of no table. */
  verbatim: number;
}

export function createActivity(): Activity {
  return {
    commits: 0,
    rollbacks: 0,
    statements: 0,
    errors: 0,
    connections: 0,
    executors: { row: 0, columnar: 0, postgres: 0 },
    verbatim: 0,
  };
}

/** The same executors, counted. */
export function countedExecutors(executors: Executors, { executors: counts }: Activity): Executors {
  const { row, rowSync, columnar, postgres } = executors;
  return {
    row: (query, context) => {
      counts.row++;
      return row(query, context);
    },
    rowSync: (query, context) => {
      const rows = rowSync(query, context);
      if (rows !== undefined) counts.row++;
      return rows;
    },
    columnar: (query, context) => {
      counts.columnar++;
      return columnar(query, context);
    },
    postgres: (query, context) => {
      counts.postgres++;
      return postgres(query, context);
    },
  };
}
