/** Lines of a script as bytes, so that COPY data within it goes through untouched. */
export interface LineSource {
  /** The next line without its newline; undefined after the last. */
  next(): Promise<Buffer | undefined>;
}

const newline = 0x0a;

/** Lines as they come from a stream; holds one chunk at a time. */
export function linesOf(chunks: AsyncIterable<Buffer | string>): LineSource {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  let ended = false;
  return {
    async next() {
      const parts: Buffer[] = [];
      for (;;) {
        const at = rest.indexOf(newline);
        if (at >= 0) {
          parts.push(rest.subarray(0, at));
          rest = rest.subarray(at + 1);
          return parts.length === 1 ? parts[0] : Buffer.concat(parts);
        }
        if (rest.length > 0) parts.push(rest);
        rest = Buffer.alloc(0);
        if (ended) return parts.length === 0 ? undefined : Buffer.concat(parts);
        const { done, value } = await iterator.next();
        if (done === true) ended = true;
        else rest = typeof value === 'string' ? Buffer.from(value) : value;
      }
    },
  };
}
