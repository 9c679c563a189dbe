import type { CopyStatement } from '../sql/index.ts';
import type { CopyDirection, CopyOptions } from './copy/index.ts';
import { readCopyOptions } from './copy/index.ts';

/** The statement's option list, checked; errors point into what the user sent. */
export function copyOptions(statement: CopyStatement, direction: CopyDirection): CopyOptions {
  const node = statement.node as { CopyStmt?: { options?: readonly unknown[] } };
  return readCopyOptions(node.CopyStmt?.options ?? [], direction, (location) =>
    statement.sourcePosition(location + 1),
  );
}
