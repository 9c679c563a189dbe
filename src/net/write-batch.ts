/**
 * Answers written together. A write to a client that sleeps wakes it, which costs the kernel more than all else of a short statement;
 * of writes that follow each other closely only the first does. So answers wait for those of other connections: until there are
 * `batchMax` of them, which keeps clients at work while the server is, or until the event loop has handled what it has read.
 */
export interface WriteBatch {
  /** `write` is called once, at the latest at the end of this turn of the event loop. It must not throw. */
  add(write: () => void): void;
}

const batchMax = 4;

export function writeBatch(): WriteBatch {
  let waiting: (() => void)[] = [];
  let scheduled = false;
  const writeAll = (): void => {
    const batch = waiting;
    waiting = [];
    for (const write of batch) write();
  };
  const endOfTurn = (): void => {
    scheduled = false;
    writeAll();
  };
  return {
    add(write) {
      waiting.push(write);
      if (waiting.length >= batchMax) {
        writeAll();
      } else if (!scheduled) {
        scheduled = true;
        setImmediate(endOfTurn);
      }
    },
  };
}
