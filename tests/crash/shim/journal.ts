/** What the shim has noted: every change of the folder, in order. */

export type DiskOperation =
  | { readonly op: 'create'; readonly path: string; readonly inode: bigint }
  | { readonly op: 'write'; readonly inode: bigint; readonly at: number; readonly data: Buffer }
  | { readonly op: 'truncate'; readonly inode: bigint; readonly size: number }
  | { readonly op: 'sync'; readonly inode: bigint }
  | { readonly op: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly op: 'unlink' | 'mkdir' | 'rmdir' | 'sync folder'; readonly path: string };

const names = [
  'create',
  'write',
  'truncate',
  'sync',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'sync folder',
  'link',
] as const;
const headBytes = 32;

/** The operations of a journal with the position behind each. What is cut off at the end is left out. */
export function* operationsOf(
  journal: Buffer,
): Generator<{ readonly operation: DiskOperation; readonly end: number }> {
  for (let at = 0; at + headBytes <= journal.length;) {
    const op = names[journal.readUInt32LE(at) - 1];
    if (op === undefined) throw new Error(`no operation of the journal at byte ${at}`);
    const pathEnd = at + headBytes + journal.readUInt32LE(at + 4);
    const inode = journal.readBigUInt64LE(at + 8);
    const offset = Number(journal.readBigUInt64LE(at + 16));
    const end = pathEnd + Number(journal.readBigUInt64LE(at + 24));
    if (end > journal.length) return;
    const path = journal.toString('utf8', at + headBytes, pathEnd);
    const data = journal.subarray(pathEnd, end);
    yield { operation: operationOf(op, path, inode, offset, data), end };
    at = end;
  }
}

function operationOf(
  op: (typeof names)[number],
  path: string,
  inode: bigint,
  offset: number,
  data: Buffer,
): DiskOperation {
  switch (op) {
    case 'create':
      return { op, path, inode };
    case 'write':
      return { op, inode, at: offset, data };
    case 'truncate':
      return { op, inode, size: offset };
    case 'sync':
      return { op, inode };
    case 'rename':
    case 'link':
      return { op, path, to: data.toString('utf8') };
    default:
      return { op, path };
  }
}
