import type { WindowClause } from '../../analyzer/tree.ts';

/** FRAMEOPTION_* of parsenodes.h. */
const frame = {
  nonDefault: 0x1,
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  between: 0x10,
  startUnboundedPreceding: 0x20,
  endUnboundedPreceding: 0x40,
  startUnboundedFollowing: 0x80,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startOffsetPreceding: 0x800,
  endOffsetPreceding: 0x1000,
  startOffsetFollowing: 0x2000,
  endOffsetFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

function bound(
  options: number,
  offset: string | undefined,
  flags: readonly [preceding: number, following: number, current: number, offsetPreceding: number],
): string {
  const [preceding, following, current, offsetPreceding] = flags;
  if (options & preceding) return 'UNBOUNDED PRECEDING';
  if (options & following) return 'UNBOUNDED FOLLOWING';
  if (options & current) return 'CURRENT ROW';
  return `${offset} ${options & offsetPreceding ? 'PRECEDING' : 'FOLLOWING'}`;
}

/** The frame clause, '' for the default frame. */
export function printFrame(
  clause: WindowClause,
  start: string | undefined,
  end: string | undefined,
): string {
  const options = clause.frameOptions;
  if (!(options & frame.nonDefault)) return '';
  const unit = options & frame.range ? 'RANGE' : options & frame.rows ? 'ROWS' : 'GROUPS';
  const from = bound(options, start, [
    frame.startUnboundedPreceding,
    frame.startUnboundedFollowing,
    frame.startCurrentRow,
    frame.startOffsetPreceding,
  ]);
  const to = bound(options, end, [
    frame.endUnboundedPreceding,
    frame.endUnboundedFollowing,
    frame.endCurrentRow,
    frame.endOffsetPreceding,
  ]);
  const exclude =
    options & frame.excludeCurrentRow
      ? ' EXCLUDE CURRENT ROW'
      : options & frame.excludeGroup
        ? ' EXCLUDE GROUP'
        : options & frame.excludeTies
          ? ' EXCLUDE TIES'
          : '';
  return `${unit} BETWEEN ${from} AND ${to}${exclude}`;
}

/** RANGE with an offset: its arithmetic is an in_range function's, which only PostgreSQL knows. */
export function isRangeOffset(clause: WindowClause): boolean {
  return (
    (clause.frameOptions & frame.range) !== 0 &&
    (clause.startOffset !== undefined || clause.endOffset !== undefined)
  );
}
