import type { PgError } from '../base/index.ts';

/**
 * Thrown by an executor before it has delivered any row: this execution meets values that it can't compute exactly. Run the
 * query on another executor.
 */
export class NotShippable extends Error {
  /** What PostgreSQL most likely reports, for when no other executor may run the query. */
  readonly likely: PgError | undefined;

  constructor(reason: string, likely?: PgError) {
    super(reason);
    this.name = 'NotShippable';
    this.likely = likely;
  }
}
