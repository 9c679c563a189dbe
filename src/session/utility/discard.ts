import type { Portal, Prepared, SessionState } from '../state.ts';

/** Closing a statement closes what was bound from it. */
export function discardPortals(
  session: SessionState,
  prepared: Prepared,
  forget: (portal: Portal) => void,
): void {
  for (const portal of [...session.portals.values()]) {
    if (portal.prepared === prepared) forget(portal);
  }
}
