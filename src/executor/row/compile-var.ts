import type { VarExpr } from '../../analyzer/tree.ts';
import { assert } from '../../base/index.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import type { Evaluator, Frame } from './frame.ts';
import { isStoredRow } from './frame.ts';
import { compileExpr } from './compile-expr.ts';
import { relationLeaf } from './relation-leaf.ts';
import { outerScope } from './scope.ts';
import type { Scope } from './scope.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';
import type { Value } from '../../types/value.ts';

export function compileVar(expr: VarExpr, scope: Scope): Evaluator {
  const owner = outerScope(scope, expr.levelsUp) ?? unsupported('a column of an outer query');
  const own = compileOwnVar(expr, owner);
  switch (expr.levelsUp) {
    case 0:
      return own;
    case 1:
      return (frame) => own(frame.parent!);
    default:
      return (frame) => {
        let at = frame;
        for (let i = 0; i < expr.levelsUp; i++) at = at.parent!;
        return own(at);
      };
  }
}

function compileOwnVar(expr: VarExpr, scope: Scope): Evaluator {
  const { varno, attno } = expr;
  const extra = scope.extraVar?.(expr);
  if (extra) return extra;
  if (expr.returning !== 'default') unsupported('OLD or NEW');
  const rte = scope.rtable[varno - 1] ?? unsupported(`range table entry ${varno}`);
  if (rte.rteKind === 'join') {
    const alias = rte.aliasVars[attno - 1] ?? unsupported('a whole-row value');
    return compileExpr(alias, scope);
  }
  if (rte.rteKind === 'group') {
    const at = attno - 1;
    if (scope.grouped) return (frame) => frame.groups[at] ?? null;
    return compileExpr(rte.groupExprs[at] ?? unsupported('a grouping column'), scope);
  }
  scope.reads.add(varno);
  if (rte.rteKind === 'relation') return relationColumn(expr, scope);
  if (attno <= 0) unsupported('a whole-row value');
  typeOf(expr.typeOid);
  return columnAt(varno, attno - 1);
}

function columnAt(varno: number, at: number): Evaluator {
  return (frame) => {
    const slot = frame.tuple[varno];
    return slot ? slot.values[at]! : null;
  };
}

/** `_seq` and the like are facts of the stored row, not among its values. */
export function systemColumn(varno: number, attno: number): Evaluator {
  const stored = (frame: Frame) => {
    const slot = frame.tuple[varno];
    if (!slot) return null;
    assert(isStoredRow(slot), 'a system column of a row that is not stored');
    return slot;
  };
  switch (attno) {
    case SystemColumn.seq:
      return (frame) => {
        const row = stored(frame);
        return row && BigInt(row.seq);
      };
    case SystemColumn.updated:
      return (frame) => stored(frame)?.updated ?? null;
    case SystemColumn.deleted:
      return (frame): Value => stored(frame)?.deleted ?? null;
    case SystemColumn.userId:
      return (frame) => stored(frame)?.userId ?? null;
    case SystemColumn.rowKey:
      return (frame) => stored(frame)?.key ?? null;
    default:
      return unsupported(`system column ${attno}`);
  }
}

function relationColumn(expr: VarExpr, scope: Scope): Evaluator {
  const { varno, attno } = expr;
  if (attno < 0) return systemColumn(varno, attno);
  if (attno === 0) unsupported('a whole-row value');
  const leaf = relationLeaf(varno, scope);
  const position = leaf.table.positionOf[attno] ?? -1;
  if (position < 0) unsupported(`column ${attno}`);
  typeOf(expr.typeOid);
  leaf.attnos.add(attno);
  return columnAt(varno, position);
}
