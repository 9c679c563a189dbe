/** The rows that one client alone writes: what they must be, and what they may be when an operation's outcome is unknown. */
import { Violation } from '../client.ts';
import type { Outcome } from '../client.ts';

/** Keyed by primary key; undefined: no such row. */
export type Effects<Row> = ReadonlyMap<number, Row | undefined>;

export interface Partition<Row> {
  readonly rows: ReadonlyMap<number, Row>;
  /** Takes an operation's effects by its outcome. */
  apply(outcome: Outcome<unknown>, effects: Effects<Row>): void;
  /** Compares with what is there; of an unknown operation all or nothing must be. */
  settle(observed: ReadonlyMap<number, Row>): void;
}

export function partition<Row>(name: string): Partition<Row> {
  let rows = new Map<number, Row>();
  let doubt: Effects<Row> | undefined;

  const differences = (
    expected: ReadonlyMap<number, Row>,
    observed: ReadonlyMap<number, Row>,
  ): string[] => {
    const found: string[] = [];
    for (const id of new Set([...expected.keys(), ...observed.keys()])) {
      const [want, have] = [JSON.stringify(expected.get(id)), JSON.stringify(observed.get(id))];
      if (want !== have)
        found.push(`${id}: expected ${want ?? 'no row'}, found ${have ?? 'no row'}`);
    }
    return found;
  };
  const after = (effects: Effects<Row>): Map<number, Row> => {
    const next = new Map(rows);
    for (const [id, row] of effects) {
      if (row === undefined) next.delete(id);
      else next.set(id, row);
    }
    return next;
  };

  return {
    get rows() {
      return rows;
    },
    apply(outcome, effects) {
      if (outcome.kind === 'ok') rows = after(effects);
      if (outcome.kind === 'unknown') doubt = effects;
    },
    settle(observed) {
      const without = differences(rows, observed);
      if (without.length === 0) {
        doubt = undefined;
        return;
      }
      const given = doubt === undefined ? undefined : after(doubt);
      const wrong = given === undefined ? without : differences(given, observed);
      if (wrong.length > 0) {
        const unknown =
          doubt === undefined
            ? 'nothing was in doubt'
            : `in doubt: ${JSON.stringify([...doubt])}; were it undone: ${without.slice(0, 5).join('; ')}`;
        throw new Violation(
          `${name} has ${wrong.length} wrong rows: ${wrong.slice(0, 10).join('; ')} (${unknown})`,
        );
      }
      rows = given!;
      doubt = undefined;
    },
  };
}
