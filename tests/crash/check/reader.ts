/** Reads what is there in every way that there is, and insists that all ways agree. */
import type { Session } from '../client.ts';
import { Violation } from '../client.ts';

export type Executor = 'row' | 'columnar' | 'postgres';

export interface Reader {
  readonly session: Session;
  readonly executors: readonly Executor[];
  /** The rows of a query by each executor, which must agree. Order does not count. */
  everyWay(query: string): Promise<unknown[][]>;
  /** By the row executor, by which keys and indexes are used. */
  direct(query: string, values?: readonly unknown[]): Promise<unknown[][]>;
  /** As a user of user tables. */
  as(userId: string): Promise<void>;
}

export function createReader(session: Session, executors: readonly Executor[]): Reader {
  let current = '';
  const use = async (executor: Executor): Promise<void> => {
    if (executor === current) return;
    await session.run(`set tide.executor = ${executor}`);
    current = executor;
  };
  return {
    session,
    executors,
    async everyWay(query) {
      let first: { executor: Executor; rows: unknown[][]; text: string } | undefined;
      for (const executor of executors) {
        await use(executor);
        const rows = await session.rows(query);
        const text = sortedText(rows);
        first ??= { executor, rows, text };
        if (text !== first.text)
          throw new Violation(
            `${query}: ${first.rows.length} rows by ${first.executor}, ${rows.length} by ${executor}: ${difference(first.rows, rows)}`,
          );
      }
      return first?.rows ?? [];
    },
    async direct(query, values) {
      await use('row');
      return await session.rows(query, values);
    },
    async as(userId) {
      await session.run(`set tide.user_id = '${userId}'`);
    },
  };
}

function sortedText(rows: readonly unknown[][]): string {
  return rows
    .map((row) => JSON.stringify(row))
    .toSorted()
    .join('\n');
}

function difference(left: readonly unknown[][], right: readonly unknown[][]): string {
  const texts = (rows: readonly unknown[][]): string[] => rows.map((row) => JSON.stringify(row));
  const [a, b] = [texts(left), texts(right)];
  const [inA, inB] = [new Set(a), new Set(b)];
  const onlyA = a.filter((text) => !inB.has(text)).slice(0, 5);
  const onlyB = b.filter((text) => !inA.has(text)).slice(0, 5);
  return `only here ${onlyA.join(' ') || 'nothing'}, only there ${onlyB.join(' ') || 'nothing'}`;
}
