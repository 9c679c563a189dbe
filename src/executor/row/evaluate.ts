import type { Expr, RangeTblEntry, VarExpr } from '../../analyzer/tree.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import type { Value } from '../../types/value.ts';
import type { ExecutionContext } from '../types.ts';
import { compileExpr } from './compile-expr.ts';
import { systemColumn } from './compile-var.ts';
import { createEnvironment, createFrame } from './frame.ts';
import type { Evaluator, SlotRow } from './frame.ts';
import { loadRelation } from './relation-source.ts';
import type { RelationSource } from './relation-source.ts';
import { createScope } from './scope.ts';
import type { RowCatalog } from './scope.ts';
import { typeOf } from './type-of.ts';
import { Unsupported, unsupported } from './unsupported.ts';

/** What DML's expressions may name. */
export interface ScalarNames {
  readonly catalog: RowCatalog;
  /** Tables whose rows the caller places, by varno: the target, EXCLUDED. Their rows have the stored layout. */
  readonly tables: ReadonlyMap<number, CatalogTable>;
  /** The statement's range table; [] for defaults and checks. Rows of other entries are parallel to their columns. */
  readonly rtable: readonly RangeTblEntry[];
}

/** Expressions of one statement (DEFAULT, CHECK, SET, WHERE, RETURNING), compiled once. */
export interface CompiledScalars {
  /** Sub-queries in them read tables: `start` must be used. */
  readonly needsTables: boolean;
  start(context: ExecutionContext): Promise<ScalarRun>;
  /** Only when !needsTables. */
  startSync(context: ExecutionContext): ScalarRun;
}

/** One execution. Rows stay placed until replaced; StoredRows also answer for system columns. */
export interface ScalarRun {
  place(varno: number, row: SlotRow | null): void;
  /** What RETURNING's OLD and NEW stand for; null where there is none. */
  placeOldNew(old: SlotRow | null, fresh: SlotRow | null): void;
  /** The value of the expression given as number `index`. */
  evaluate(index: number): Value;
}

/** Compiles them, or says why the row executor can't answer exactly. */
export function compileScalars(
  exprs: readonly Expr[],
  names: ScalarNames,
): CompiledScalars | { readonly unsupported: string } {
  try {
    return compileAll(exprs, names);
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message };
    throw error;
  }
}

function compileAll(exprs: readonly Expr[], names: ScalarNames): CompiledScalars {
  const sources: RelationSource[] = [];
  const size = Math.max(names.rtable.length, 0, ...names.tables.keys());
  const [oldSlot, newSlot] = [size + 1, size + 2];
  const compiler = { catalog: names.catalog, sources };
  const scope = {
    ...createScope(names, undefined, compiler),
    extraVar: (expr: VarExpr): Evaluator | undefined => {
      const table = names.tables.get(expr.varno);
      if (!table) return undefined;
      const slot =
        expr.returning === 'old' ? oldSlot : expr.returning === 'new' ? newSlot : expr.varno;
      return placedColumn(slot, expr, table);
    },
  };
  const evaluators = exprs.map((expr) => compileExpr(expr, scope));
  const begin = (context: ExecutionContext) => {
    const environment = createEnvironment(context);
    const frame = createFrame(newSlot, undefined, environment);
    const run: ScalarRun = {
      place(varno, row) {
        frame.tuple[varno] = row;
      },
      placeOldNew(old, fresh) {
        frame.tuple[oldSlot] = old;
        frame.tuple[newSlot] = fresh;
      },
      evaluate: (index) => evaluators[index]!(frame),
    };
    return { environment, run };
  };
  return {
    needsTables: sources.length > 0,
    startSync: (context) => begin(context).run,
    async start(context) {
      const { environment, run } = begin(context);
      for (const source of sources) await loadRelation(source, environment);
      return run;
    },
  };
}

function placedColumn(slot: number, expr: VarExpr, table: CatalogTable): Evaluator {
  if (expr.attno < 0) return systemColumn(slot, expr.attno);
  const position = table.positionOf[expr.attno] ?? -1;
  if (position < 0) unsupported(expr.attno === 0 ? 'a whole-row value' : `column ${expr.attno}`);
  typeOf(expr.typeOid);
  return (frame) => {
    const row = frame.tuple[slot];
    return row ? row.values[position]! : null;
  };
}
