/** What LevelDB's MANIFEST says: which tables are alive and which logs count. */
import { varintReader } from './varint.ts';

export interface TableFile {
  readonly number: number;
  readonly bytes: number;
  /** First and last key, both inclusive. */
  readonly least: Buffer;
  readonly greatest: Buffer;
}

export interface Version {
  /** Logs with this number or a greater one have not become tables. 0: a database that was made just now. */
  readonly logNumber: number;
  readonly tables: readonly TableFile[];
}

const Tag = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** Bytes of sequence number and type that follow a key. */
const internalKeySuffix = 8;

function userKey(internal: Buffer): Buffer {
  return internal.subarray(0, Math.max(0, internal.length - internalKeySuffix));
}

/** Applies the edits in order. Throws RangeError for one that cannot be read. */
export function readVersion(edits: Iterable<Buffer>): Version {
  let logNumber = 0;
  const tables = new Map<number, TableFile>();
  for (const edit of edits) {
    const reader = varintReader(edit);
    // A file that moves to another level is deleted and added by the same edit.
    const deleted: number[] = [];
    const added: TableFile[] = [];
    while (!reader.atEnd) {
      switch (reader.number()) {
        case Tag.comparator:
          reader.bytes();
          break;
        case Tag.logNumber:
          logNumber = reader.number();
          break;
        case Tag.nextFile:
        case Tag.lastSequence:
        case Tag.previousLog:
          reader.number();
          break;
        case Tag.compactPointer:
          reader.number();
          reader.bytes();
          break;
        case Tag.deletedFile:
          reader.number();
          deleted.push(reader.number());
          break;
        case Tag.newFile: {
          reader.number();
          const [number, bytes] = [reader.number(), reader.number()];
          const [least, greatest] = [userKey(reader.bytes()), userKey(reader.bytes())];
          added.push({ number, bytes, least, greatest });
          break;
        }
        default:
          throw new RangeError('an edit of an unknown kind');
      }
    }
    for (const number of deleted) tables.delete(number);
    for (const table of added) tables.set(table.number, table);
  }
  return { logNumber, tables: [...tables.values()] };
}
