import type { ScanNode } from '../planner/nodes.ts';
import { sharedScope } from '../storage/types.ts';
import type { Scope } from '../storage/types.ts';
import type { StatementContext } from './types.ts';

/** Whose rows a scan reads: of a user table the current user's, or everyone's under tide.scope = all. */
export function scopeOf(
  scan: Pick<ScanNode, 'table'>,
  { statement }: { readonly statement: Pick<StatementContext, 'allUsers' | 'userId'> },
): Scope {
  if (scan.table.stored.kind !== 'user') return sharedScope;
  return statement.allUsers ? { kind: 'all' } : { kind: 'one', userId: statement.userId };
}

/** A scope as EXPLAIN names it. */
export function scopeTitle(scope: Scope): string {
  if (scope.kind === 'all') return 'all users';
  return scope.userId === '' ? 'shared' : `user ${JSON.stringify(scope.userId)}`;
}
