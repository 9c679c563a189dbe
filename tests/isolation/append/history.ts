/**
 * What clients did to lists and saw of them. Every appended value is unique for its key, so that a list that was read tells which
 * transactions wrote it, in which order: the observation that the checker rests on (Kingsbury and Alvaro, "Elle", VLDB 2021).
 */

/** Names as in SQL, lower case. */
export type Level = 'read committed' | 'repeatable read' | 'serializable';

export type Operation =
  /** The list as it was read, in its order; a key that is not there is the empty list. */
  | {
      readonly kind: 'read';
      readonly key: number;
      readonly values: readonly number[];
      /** By which statement, for people. */
      readonly how?: string;
    }
  /** `undone`: its savepoint was rolled back. */
  | {
      readonly kind: 'append';
      readonly key: number;
      readonly value: number;
      readonly undone?: boolean;
      readonly how?: string;
    };

export interface Transaction {
  /** Its place in the history's list. */
  readonly id: number;
  /** Which client; its transactions come one after the other. */
  readonly client: number;
  /** `unknown`: the connection broke before COMMIT was answered. `failed` had no effect. */
  readonly outcome: 'committed' | 'failed' | 'unknown';
  /** Milliseconds: before its first statement was sent, after its last was answered; infinite when it never was. */
  readonly start: number;
  readonly end: number;
  readonly operations: readonly Operation[];
}

/** How a transaction reads in a report: `T3 (client 1): append 7→x1, read x1 = [7]`. */
export function describeTransaction({ id, client, outcome, operations }: Transaction): string {
  const words = operations.map((operation) => {
    const { kind, key, how } = operation;
    const by = how === undefined ? '' : ` by ${how}`;
    if (kind === 'read') return `read k${key} = [${operation.values.join(' ')}]${by}`;
    return `append ${operation.value} to k${key}${operation.undone === true ? ' (undone)' : ''}${by}`;
  });
  return `T${id} (client ${client}, ${outcome}): ${words.join(', ')}`;
}
