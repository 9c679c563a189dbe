/** PostgreSQL's copyfrom.c: MAX_BUFFERED_TUPLES and MAX_BUFFERED_BYTES. */
const bufferRowsMax = 1000;
const bufferBytesMax = 65_535;

/** Where the buffers end in which PostgreSQL's COPY FROM gathers rows before it stores them and looks at their keys. */
export interface InsertBuffers {
  /** Counts the next rows. For each buffer that they fill the number of rows, of these, up to its end; ascending. */
  add(rows: number, bytesOf: (index: number) => number): number[];
}

/** `single`: every row is stored as it comes (a default that is volatile, other than nextval). */
export function createInsertBuffers(single: boolean): InsertBuffers {
  const rowsMax = single ? 1 : bufferRowsMax;
  let rows = 0;
  let bytes = 0;
  return {
    add(count, bytesOf) {
      const ends: number[] = [];
      for (let i = 0; i < count; i++) {
        rows++;
        bytes += bytesOf(i);
        if (rows < rowsMax && bytes < bufferBytesMax) continue;
        ends.push(i + 1);
        rows = 0;
        bytes = 0;
      }
      return ends;
    },
  };
}
