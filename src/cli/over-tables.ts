import type { ClientContext } from './client.ts';
import { CommandError, lineOf } from './errors.ts';
import { tell } from './output.ts';

/**
 * Does something to one table after the other. What fails for one is told and the rest goes on; at the end that is a failure. Ctrl-C ends it
 * all.
 */
export async function overTables<T extends { readonly sql: string }>(
  context: ClientContext,
  tables: readonly T[],
  work: (table: T) => Promise<void>,
): Promise<void> {
  const [only] = tables;
  if (tables.length === 1) return work(only!);
  let failed = 0;
  for (const table of tables) {
    context.signal.throwIfAborted();
    try {
      await work(table);
    } catch (error) {
      context.signal.throwIfAborted();
      failed++;
      tell(`pgtide: ${table.sql}: ${lineOf(error)}`);
    }
  }
  if (failed > 0) throw new CommandError(`${failed} of ${tables.length} tables failed`);
}
