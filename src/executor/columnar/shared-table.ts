import type { Duckdb } from '../../duckdb/index.ts';

/** DuckDB tables that several executions read: dropped when they are given up and nobody reads them any more. */
export interface SharedTables<T> {
  readonly value: Promise<T>;
  /** Keeps them until the function returned is called. */
  hold(): () => void;
  giveUp(): void;
}

export function sharedTables<T>(
  value: Promise<T>,
  names: (value: T) => readonly string[],
  duckdb: () => Promise<Duckdb>,
): SharedTables<T> {
  let holders = 0;
  let given = false;
  const drop = async (): Promise<void> => {
    const made = names(await value);
    if (made.length === 0) return;
    const duck = await duckdb();
    const connection = await duck.acquire();
    try {
      for (const name of made) await connection.run(`DROP TABLE IF EXISTS ${name}`);
    } finally {
      duck.release(connection);
    }
  };
  const settle = (): void => {
    // What never came to be needs no dropping; a closing DuckDB drops all.
    if (given && holders === 0) void drop().catch(() => undefined);
  };
  value.catch(() => undefined);
  return {
    value,
    hold() {
      holders++;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        holders--;
        settle();
      };
    },
    giveUp() {
      if (given) return;
      given = true;
      settle();
    },
  };
}
