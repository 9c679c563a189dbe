import type { Row } from '../../types/value.ts';
import type { SessionState } from '../state.ts';

/** The rows of pg_cursors: every portal that has a name, as normalize.ts names the columns. */
export function cursorRows(session: SessionState): Row[] {
  const { portals, cursors } = session;
  return [...portals.values(), ...cursors.held.values()]
    .filter(({ name }) => name !== '')
    .map(({ name, prepared, open, createdAt }) => {
      const declared = open?.declared;
      return [
        name,
        declared?.text ?? prepared.text,
        declared?.hold === true,
        declared?.binary === true,
        open?.cursor.scrollable === true,
        createdAt,
      ];
    });
}
