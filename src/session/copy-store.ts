import { PgError } from '../base/index.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { StatementEvents } from '../executor/dml/constraint-events/statement.ts';
import { targetUser } from '../executor/dml/insert.ts';
import { project } from '../executor/dml/projections.ts';
import { applyRules } from '../executor/dml/rules.ts';
import { uniqueViolation } from '../executor/dml/violations.ts';
import type { Execution } from '../executor/run-plan.ts';
import type { InsertPlan } from '../planner/plan-dml.ts';
import type { Projection } from '../planner/projection.ts';
import type { Row } from '../types/value.ts';
import type { CopyDecoder } from './copy/index.ts';
import { createInsertBuffers } from './copy/index.ts';

/** What a row gets besides its data. */
export interface FillPlan {
  /** Position in the table of each column of the data. */
  readonly positions: readonly number[];
  /** Columns that take a sequence's next value as it is. */
  readonly sequences: readonly { readonly position: number; readonly relid: number }[];
  /** Defaults of the other columns: positions, and a projection over nothing. */
  readonly defaults: readonly {
    readonly positions: readonly number[];
    readonly projection: Projection;
  }[];
  /** One of the defaults is volatile. */
  readonly volatile: boolean;
}

/** Stores decoded rows in the order of their lines. Errors carry the line they come from. */
export interface RowStore {
  rows(data: readonly Row[]): Promise<void>;
  /** The rows before one that could not be read. Throws their error, or else that one's. */
  failed(data: readonly Row[], error: PgError): Promise<void>;
  finish(): void;
}

/**
 * Of several wrong lines the one is told that PostgreSQL tells: keys are looked at when a buffer of rows is full, everything else
 * line by line.
 */
export function rowStore(
  plan: InsertPlan,
  table: CatalogTable,
  fill: FillPlan,
  decoder: CopyDecoder,
  execution: Execution,
  events: StatementEvents | undefined,
): RowStore {
  const userId = targetUser(plan, execution);
  const width = table.columns.length;
  const inPlace =
    fill.defaults.length === 0 &&
    fill.sequences.length === 0 &&
    fill.positions.length === width &&
    fill.positions.every((p, i) => p === i);
  const { positions, sequences, defaults } = fill;
  const { nextval } = execution.statement.sequences;
  const nothing: Row = [];
  const buffers = createInsertBuffers(fill.volatile);
  /** A key was taken in the buffer that is not full yet: nothing is stored any more. */
  let taken: PgError | undefined;

  async function filled(data: readonly Row[]): Promise<readonly Row[]> {
    if (inPlace) return data;
    const rows = data.map((source) => {
      const row: Row = new Array<null>(width).fill(null);
      for (let i = 0; i < positions.length; i++) row[positions[i]!] = source[i]!;
      for (const { position, relid } of sequences) row[position] = nextval(relid);
      return row;
    });
    for (const { positions: at, projection } of defaults) {
      const empty = data.map(() => nothing);
      const computed = await project(projection, empty, execution);
      for (let r = 0; r < rows.length; r++) {
        for (let i = 0; i < at.length; i++) rows[r]![at[i]!] = computed[r]![i]!;
      }
    }
    return rows;
  }

  /** Where a key is taken. */
  async function insert(
    rows: readonly Row[],
  ): Promise<{ readonly at: number; readonly error: PgError } | undefined> {
    const conflict = await execution.transaction.insertMany(table.stored, userId, rows);
    if (conflict === undefined) {
      events?.inserted(userId, rows);
      return undefined;
    }
    const { at } = conflict;
    const { types } = execution.statement;
    const error = uniqueViolation(table, conflict.conflict.index, rows[at]!, types);
    return { at, error: decoder.locate(error, at) };
  }

  /** Rows of which `wrong`, the one at `at` or the one after them, is not to be stored. */
  async function refuse(
    rows: readonly Row[],
    ends: readonly number[],
    at: number,
    wrong: PgError,
  ): Promise<never> {
    const full = ends.filter((end) => end <= at);
    if (taken !== undefined) throw full.length > 0 ? taken : wrong;
    throw (await insert(rows.slice(0, full.at(-1) ?? 0)))?.error ?? wrong;
  }

  return {
    async rows(data) {
      execution.signal.throwIfAborted();
      const rows = await filled(data);
      const ends = buffers.add(rows.length, decoder.bytesOf);
      const wrong = await judge(rows);
      if (wrong !== undefined) await refuse(rows, ends, wrong.at, wrong.error);
      if (taken === undefined) {
        const conflict = await insert(rows);
        if (conflict === undefined) return;
        taken = conflict.error;
        if (!ends.some((end) => end > conflict.at)) return;
      } else if (ends.length === 0) return;
      throw taken;
    },
    async failed(data, error) {
      execution.signal.throwIfAborted();
      const rows = await filled(data);
      const ends = buffers.add(rows.length, decoder.bytesOf);
      const wrong = await judge(rows);
      await refuse(rows, ends, wrong?.at ?? rows.length, wrong?.error ?? error);
    },
    finish() {
      if (taken !== undefined) throw taken;
    },
  };

  /** The first row that a rule refuses. */
  async function judge(
    rows: readonly Row[],
  ): Promise<{ readonly at: number; readonly error: PgError } | undefined> {
    try {
      await applyRules(plan.rules, table, rows, execution);
      return undefined;
    } catch (error) {
      if (!(error instanceof PgError) || execution.signal.aborted) throw error;
      // One by one, to say which line it was.
      for (let i = 0; i < rows.length; i++) {
        try {
          await applyRules(plan.rules, table, [rows[i]!], execution);
        } catch (own) {
          if (!(own instanceof PgError)) throw own;
          return { at: i, error: decoder.locate(own, i) };
        }
      }
      throw error;
    }
  }
}
