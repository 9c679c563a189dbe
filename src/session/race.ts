import { PgError, SqlState } from '../base/index.ts';

/** Times a lone statement is run again after losing a race with another commit, before its 40001 is reported. */
export const lostRacesMax = 200;

/** A unique key was taken between the statement's look and its commit. Run again, ON CONFLICT sees the other row. */
export class UniqueRace extends PgError {}

/** The statement lost to another commit: run again, it sees what that one has done. */
export function lostRace(error: unknown): boolean {
  if (error instanceof UniqueRace) return true;
  return error instanceof PgError && error.code === SqlState.serializationFailure;
}
