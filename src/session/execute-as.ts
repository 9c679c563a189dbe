import type { SessionState } from './state.ts';
import { requireMayBe } from './utility/set.ts';

/**
 * EXECUTE AS USER 'bob' (statement): tide.user_id is bob's while the statement starts. Rows that come later are still
 * bob's: a statement keeps the context that it started with.
 */
export async function asUser<T>(
  session: SessionState,
  userId: string,
  start: () => Promise<T>,
): Promise<T> {
  const { settings } = session;
  requireMayBe(session, userId);
  const before = settings.local('tide.user_id');
  settings.set('tide.user_id', userId, true);
  try {
    return await start();
  } finally {
    settings.set('tide.user_id', before, true);
  }
}
