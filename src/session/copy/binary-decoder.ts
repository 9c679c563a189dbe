/** COPY FROM in binary format (PostgreSQL documentation, "COPY", Binary Format). */
import type { PgError } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';
import { badFormat, copyLine, inContext } from './context.ts';
import type { CopyColumn, CopyDecoder, CopySource } from './decoder.ts';
import { createPendingBytes } from './pending.ts';

export const binarySignature: Buffer = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Signature, flags and the length of the extension. */
const headerBytes = binarySignature.length + 8;
const hasOidsFlag = 1 << 16;

type State = 'header' | 'extension' | 'rows' | 'trailer';

export function createBinaryDecoder(
  columns: readonly CopyColumn[],
  source: CopySource,
): CopyDecoder {
  const { relation } = source;
  const pending = createPendingBytes();
  let state: State = 'header';
  let extensionBytes = 0;
  let line = 0;
  let lastLines = 0;
  let completed: Row[] = [];

  const inRow = (): string => copyLine(relation, line);

  /** How many bytes the header takes; 0 when they are not all there. Its errors have no context, as no row has begun. */
  function readHeader(bytes: Buffer, atEnd: boolean): number {
    const length = Math.min(bytes.length, binarySignature.length);
    if (!bytes.subarray(0, length).equals(binarySignature.subarray(0, length))) {
      throw badFormat('COPY file signature not recognized');
    }
    if (bytes.length < headerBytes) {
      if (!atEnd) return 0;
      if (bytes.length < binarySignature.length) {
        throw badFormat('COPY file signature not recognized');
      }
      const missing = bytes.length < binarySignature.length + 4 ? 'flags' : 'length';
      throw badFormat(`invalid COPY file header (missing ${missing})`);
    }
    const flags = bytes.readUInt32BE(binarySignature.length);
    if ((flags & hasOidsFlag) !== 0) {
      throw badFormat('invalid COPY file header (WITH OIDS)');
    }
    if (flags >>> 16 !== 0) {
      throw badFormat('unrecognized critical flags in COPY file header');
    }
    extensionBytes = bytes.readInt32BE(binarySignature.length + 4);
    if (extensionBytes < 0) {
      throw badFormat('invalid COPY file header (missing length)');
    }
    state = 'extension';
    return headerBytes;
  }

  /** The row at `start` and where the next begins; the number of bytes it needs when they are not all there. */
  function readRow(bytes: Buffer, start: number): { row: Row; next: number } | number {
    const row: Row = [];
    let at = start + 2;
    for (const column of columns) {
      if (at + 4 > bytes.length) return at + 4 - start;
      const size = bytes.readInt32BE(at);
      at += 4;
      if (size === -1) {
        row.push(null);
        continue;
      }
      const where = `${inRow()}, column ${column.name}`;
      if (size < 0) throw badFormat('invalid field size', where);
      if (at + size > bytes.length) return at + size - start;
      try {
        row.push(column.type.decode(bytes.subarray(at, at + size), column.typmod));
      } catch (error) {
        throw inContext(error, where);
      }
      at += size;
    }
    return { row, next: at };
  }

  function unexpectedEnd(bytes: Buffer, start: number): PgError {
    let at = start + 2;
    for (const column of columns) {
      const size = at + 4 > bytes.length ? bytes.length : bytes.readInt32BE(at);
      at += 4 + Math.max(size, 0);
      if (at > bytes.length) {
        return badFormat('unexpected EOF in COPY data', `${inRow()}, column ${column.name}`);
      }
    }
    return badFormat('unexpected EOF in COPY data', inRow());
  }

  function afterTrailer(bytes: Buffer, at: number): void {
    if (at < bytes.length) {
      throw badFormat('received copy data after EOF marker', inRow());
    }
  }

  function parse(bytes: Buffer, atEnd: boolean): Row[] {
    const rows: Row[] = [];
    completed = rows;
    lastLines = line;
    let at = 0;
    let needed = 0;
    if (state === 'header') at = readHeader(bytes, atEnd);
    if (state === 'extension') {
      if (bytes.length - at >= extensionBytes) {
        at += extensionBytes;
        state = 'rows';
      } else if (atEnd) {
        throw badFormat('invalid COPY file header (wrong length)');
      } else {
        // Thrown away unread, so that an extension of any length takes no memory.
        extensionBytes -= bytes.length - at;
        at = bytes.length;
      }
    }
    while (state === 'rows' && at + 2 <= bytes.length) {
      const count = bytes.readInt16BE(at);
      line++;
      if (count === -1) {
        state = 'trailer';
        at += 2;
        break;
      }
      if (count !== columns.length) {
        throw badFormat(`row field count is ${count}, expected ${columns.length}`, inRow());
      }
      const result = readRow(bytes, at);
      if (typeof result === 'number') {
        if (atEnd) throw unexpectedEnd(bytes, at);
        line--;
        needed = result;
        break;
      }
      rows.push(result.row);
      at = result.next;
    }
    lastLines = line - (state === 'trailer' ? 1 : 0) - rows.length;
    if (state === 'trailer') afterTrailer(bytes, at);
    // PostgreSQL ends quietly when the data ends between rows, or inside the count of fields.
    pending.keep(bytes.subarray(at), needed);
    return rows;
  }

  const lineOf = (index: number): number => lastLines + index + 1;
  return {
    push(bytes) {
      completed = [];
      if (bytes.length === 0) return [];
      const ready = pending.add(bytes, true);
      return ready === undefined ? [] : parse(ready, false);
    },
    finish: () => parse(pending.takeAll(), true),
    get completed() {
      return completed;
    },
    lineOf,
    bytesOf: () => 0,
    locate: (error, index) => inContext(error, copyLine(relation, lineOf(index))) as PgError,
    skipped: 0n,
  };
}
