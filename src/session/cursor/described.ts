import type { Prepared, SessionState } from '../state.ts';

/** What a portal on it answers: FETCH's columns are those of the cursor that is there at Bind, not at Parse. */
export function described(session: SessionState, prepared: Prepared): Prepared {
  const { statement } = prepared;
  if (statement?.kind !== 'fetch') return prepared;
  const fields = session.cursors.find(statement.name)?.prepared.fields;
  return fields === prepared.fields ? prepared : { ...prepared, fields };
}
