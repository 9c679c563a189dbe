/** Sequences. */

/** Sequence state. Values handed out are never handed out again, even after a crash: reservations go with the next commit. */
export interface Sequences {
  create(sequenceId: number, options: SequenceOptions): void;
  /** New options; the position stays. */
  alter(sequenceId: number, options: SequenceOptions): void;
  nextval(sequenceId: number): bigint;
  setval(sequenceId: number, value: bigint, isCalled: boolean): void;
  /** `last_value`, `is_called` as PostgreSQL's sequence relation shows them. */
  state(sequenceId: number): { readonly lastValue: bigint; readonly isCalled: boolean };
  drop(sequenceId: number): void;
  ids(): readonly number[];
}

export interface SequenceOptions {
  readonly start: bigint;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycle: boolean;
}
