import type { Outcome, Session } from '../client.ts';
import type { Random } from '../random.ts';
import type { Reader } from '../check/reader.ts';

/** One client of the workload and what it knows of the rows that it alone answers for. */
export interface Actor {
  readonly name: string;
  /** Settings of its session. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Milliseconds between two operations, at most; 0: none. */
  readonly pauseMs: number;
  /** One operation. Returns its outcome's kind; after 'unknown' the actor is not asked again before `check`. */
  step(session: Session, random: Random): Promise<Outcome<unknown>['kind']>;
}

/** A part of the database with its rules: made once, worked on by its actors, checked after each restart. */
export interface Part {
  readonly name: string;
  /** On an empty database. */
  setup(session: Session): Promise<void>;
  readonly actors: readonly Actor[];
  /** Throws a Violation. Settles what is in doubt: from here on what was seen is what is. May be repeated. */
  check(reader: Reader): Promise<void>;
  /** Between cycles, while nothing else runs: keeps the data small. */
  tidy?(session: Session): Promise<void>;
}
