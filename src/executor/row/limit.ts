import type { Query } from '../../analyzer/tree.ts';
import { PgError, SqlState } from '../../base/index.ts';
import { compileExpr } from './compile-expr.ts';
import type { Frame } from './frame.ts';
import type { Scope } from './scope.ts';

/** LIMIT and OFFSET of one execution. */
export interface Window {
  /** Rows from the start that matter, undefined: all. */
  readonly wanted: number | undefined;
  /** Counts a row, calls `emit` when it is in the window; false: the window is over, or emit wanted no more. */
  pass(emit: () => boolean): boolean;
  done(): boolean;
}

export function compileLimit(
  query: Pick<Query, 'limitCount' | 'limitOffset'>,
  scope: Scope,
): (frame: Frame) => Window {
  const count = query.limitCount && compileExpr(query.limitCount, scope);
  const offset = query.limitOffset && compileExpr(query.limitOffset, scope);
  if (!count && !offset) return () => unlimited;
  return (frame) => {
    const skip = Number((offset?.(frame) ?? 0n) as bigint);
    if (skip < 0) {
      throw new PgError(
        SqlState.invalidRowCountInResultOffsetClause,
        'OFFSET must not be negative',
      );
    }
    const most = (count?.(frame) ?? null) as bigint | null;
    if (most !== null && most < 0n) {
      throw new PgError(SqlState.invalidRowCountInLimitClause, 'LIMIT must not be negative');
    }
    return createWindow(skip, most === null ? undefined : skip + Number(most));
  };
}

const unlimited: Window = {
  wanted: undefined,
  pass: (emit) => emit(),
  done: () => false,
};

function createWindow(skip: number, wanted: number | undefined): Window {
  const end = wanted ?? Infinity;
  let at = 0;
  return {
    wanted,
    done: () => at >= end,
    pass(emit) {
      if (at >= end) return false;
      const inside = at++ >= skip;
      if (inside && !emit()) return false;
      return at < end;
    },
  };
}
