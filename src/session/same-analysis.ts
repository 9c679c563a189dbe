import type { Analyzed } from '../analyzer/tree.ts';
import { dependsOnClock } from '../analyzer/statement-cache.ts';
import type { Value } from '../types/value.ts';
import type { Planned } from './planned.ts';
import type { CurrentPlan } from './state.ts';

/** A literal that has been taken out of a statement: what it is to PostgreSQL. */
export interface LiftedConstant {
  readonly typeOid: number;
  readonly value: Value;
}

/**
 * Whether a statement with its literals as parameters means the same as with the literals themselves, so that others with other
 * literals in the same places do too: PostgreSQL's trees are equal but for a Param in place of a Const of the same type, each
 * parameter is used, and the same executors can run both. What PostgreSQL makes of a literal depends on nothing but its
 * type, for a string the one that its place asks for, save where its grammar asks for one (ORDER BY 1, a length in a type); there the trees
 * differ, or there is none.
 */
export function meansTheSame(
  literal: CurrentPlan,
  lifted: CurrentPlan,
  constants: readonly LiftedConstant[],
): boolean {
  const used = new Set<number>();
  const { notices, fields, queries } = literal.analyzed;
  return (
    literal.catalogVersion === lifted.catalogVersion &&
    notices.length === 0 &&
    lifted.analyzed.notices.length === 0 &&
    sameTypes(lifted.analyzed, constants) &&
    same(fields, lifted.analyzed.fields) &&
    same(queries, lifted.analyzed.queries) &&
    used.size === constants.length &&
    runsAlike(literal.planned, lifted.planned)
  );

  function same(left: unknown, right: unknown): boolean {
    if (left === right) return true;
    if (typeof left !== 'object' || typeof right !== 'object') return Object.is(left, right);
    if (left === null || right === null) return false;
    if (Array.isArray(left))
      return (
        Array.isArray(right) &&
        left.length === right.length &&
        left.every((one, i) => same(one, right[i]))
      );
    if (left instanceof Uint8Array)
      return right instanceof Uint8Array && Buffer.compare(left, right) === 0;
    if (left instanceof Map) return right instanceof Map && same([...left], [...right]);
    const from = left as Readonly<Record<string, unknown>>;
    const to = right as Readonly<Record<string, unknown>>;
    if (to['kind'] === 'param' && from['kind'] === 'const') return sameConstant(from, to);
    const names = Object.keys(from);
    // Where in the text it was written is all that may differ.
    return (
      names.length === Object.keys(to).length &&
      names.every((name) => name === 'location' || (name in to && same(from[name], to[name])))
    );
  }

  function sameConstant(
    from: Readonly<Record<string, unknown>>,
    to: Readonly<Record<string, unknown>>,
  ): boolean {
    const id = to['id'] as number;
    const constant = constants[id - 1];
    used.add(id);
    return (
      constant !== undefined &&
      to['paramKind'] === 'extern' &&
      from['isNull'] === false &&
      from['typeOid'] === constant.typeOid &&
      to['typeOid'] === constant.typeOid &&
      from['typmod'] === to['typmod'] &&
      from['collation'] === to['collation'] &&
      same(from['value'], constant.value)
    );
  }
}

function sameTypes({ paramTypes }: Analyzed, constants: readonly LiftedConstant[]): boolean {
  return (
    paramTypes.length === constants.length &&
    constants.every(({ typeOid }, i) => paramTypes[i] === typeOid)
  );
}

function runsAlike(left: Planned, right: Planned): boolean {
  if (left.kind === 'select' && right.kind === 'select') {
    return sameSupport(left.plan, right.plan);
  }
  return (
    left.kind === 'dml' &&
    right.kind === 'dml' &&
    left.plan.kind === right.plan.kind &&
    sameSupport(left.plan.source, right.plan.source)
  );
}

type Source = Extract<Planned, { kind: 'select' }>['plan'];

function sameSupport(left: Source, right: Source): boolean {
  return (
    left.pointLookup === right.pointLookup &&
    (left.split === undefined) === (right.split === undefined) &&
    (['row', 'columnar', 'postgres'] as const).every(
      (name) => (left.support[name] === undefined) === (right.support[name] === undefined),
    )
  );
}

/** Whether the analysis of a text may be used for it again, as long as catalog and settings stay what they are. */
export function mayBeKept(text: string, { analyzed }: CurrentPlan): boolean {
  return analyzed.notices.length === 0 && !dependsOnClock(text);
}
