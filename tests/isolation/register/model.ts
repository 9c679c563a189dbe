/** One row as a register: what each statement does to it and answers. */

/** The row's value; null while there is no row. */
export type State = number | null;

/**
 * `put`: an upsert. `insert`: ON CONFLICT DO NOTHING. `add`: UPDATE … RETURNING. `swap`: UPDATE … WHERE v = from. The answers: `read`,
 * `add` and `delete` the value (null: no row), `insert` and `swap` 1 when they changed the row, else 0, `put` always 1.
 */
export type Statement =
  | { readonly kind: 'read' | 'delete' }
  | { readonly kind: 'put' | 'insert'; readonly value: number }
  | { readonly kind: 'add'; readonly by: number }
  | { readonly kind: 'swap'; readonly from: number; readonly to: number };

export type Answer = number | null;

/** What the statement makes of the state, and what it must answer then. */
export function apply(state: State, statement: Statement): { state: State; answer: Answer } {
  switch (statement.kind) {
    case 'read':
      return { state, answer: state };
    case 'delete':
      return { state: null, answer: state };
    case 'put':
      return { state: statement.value, answer: 1 };
    case 'insert':
      return state === null ? { state: statement.value, answer: 1 } : { state, answer: 0 };
    case 'add': {
      const sum = state === null ? null : state + statement.by;
      return { state: sum, answer: sum };
    }
    case 'swap':
      return state === statement.from ? { state: statement.to, answer: 1 } : { state, answer: 0 };
  }
}

export interface Call {
  readonly client: number;
  readonly statement: Statement;
  /** Milliseconds: before it was sent, after its answer had come. */
  readonly start: number;
  readonly end: number;
  /** Undefined: not known; it may have run at any time since, or never. */
  readonly answer: Answer | undefined;
}

export function describeCall({ client, statement, start, end, answer }: Call): string {
  const { kind, ...rest } = statement;
  const words = [kind, ...Object.values(rest)].join(' ');
  const said = answer === undefined ? 'unknown' : answer === null ? 'no row' : `${answer}`;
  return `${start.toFixed(3)} to ${end.toFixed(3)}, client ${client}: ${words} → ${said}`;
}
