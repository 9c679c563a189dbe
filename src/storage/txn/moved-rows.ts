import { keyText } from '../keys/buffer.ts';

/** Rows whose primary key has been changed, remembered for those who wait for them under the old one. */
const movesMax = 10_000;

/**
 * Where committed changes of primary keys have taken rows, by the old key's text. PostgreSQL follows a row from version to version;
 * here a new key is a new place, so whoever has waited at the old one is told the way. The oldest are forgotten: then
 * the row counts as deleted.
 */
export interface MovedRows {
  note(from: Buffer, to: Buffer): void;
  /** Something else has been written at the key: the way from there leads nowhere. */
  forget(from: Buffer): void;
  /** Rows have been written at keys that are not told one by one. */
  forgetAll(): void;
  /** The full row key that the row has now, or had when it was last moved. */
  follow(from: Buffer): Buffer | undefined;
}

export function createMovedRows(): MovedRows {
  const moves = new Map<string, Buffer>();
  return {
    note(from, to) {
      const text = keyText(from);
      moves.delete(text);
      moves.set(text, to);
      if (moves.size > movesMax) moves.delete(moves.keys().next().value!);
    },
    forget: (from) => {
      if (moves.size > 0) moves.delete(keyText(from));
    },
    forgetAll: () => moves.clear(),
    follow: (from) => (moves.size === 0 ? undefined : moves.get(keyText(from))),
  };
}
