/**
 * A disk as POSIX promises it and no better. A file's bytes are safe up to its last fsync, a folder's entries up to the last fsync of
 * the folder: that of a new file is no sync of its name. Of what came later a power loss leaves nothing, or any of it:
 * pages of files in any choice; of each folder's changes the first few, as journaling file systems keep their order.
 */
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Random } from '../random.ts';
import type { DiskOperation } from './journal.ts';

const pageBytes = 4096;
const sectorBytes = 512;

interface FileNode {
  readonly kind: 'file';
  durable: Buffer;
  pending: ({ readonly at: number; readonly data: Buffer } | { readonly size: number })[];
}

interface FolderNode {
  readonly kind: 'folder';
  readonly durable: Map<string, Node>;
  pending: FolderChange[];
}

type Node = FileNode | FolderNode;

/** Entries that come and go together: a rename within a folder is one change. */
interface FolderChange {
  readonly removed?: string;
  readonly added?: readonly [name: string, node: Node];
}

/** `dropped`: nothing unsynced is left. `kept`: all of it, as after kill -9. `random`: some of it, torn. */
export type Loss = 'dropped' | 'kept' | 'random';

export interface Disk {
  apply(operation: DiskOperation): void;
  /** Writes what a power loss at this moment leaves into an empty folder. */
  leave(folder: string, loss: Loss, random: Random): Promise<void>;
}

/** What a disk holds, by the names and numbers that operations know it by. */
interface Contents {
  readonly top: FolderNode;
  readonly byPath: Map<string, Node>;
  readonly byInode: Map<bigint, FileNode>;
}

/** An empty disk, whose root's own name is safe. */
export function createDisk(root: string): Disk {
  const top = emptyFolder();
  return diskOf({ top, byPath: new Map([[root, top]]), byInode: new Map() });
}

/** A disk with what is in `root` now, all of it safe. */
export async function loadDisk(root: string): Promise<Disk> {
  const contents: Contents = { top: emptyFolder(), byPath: new Map(), byInode: new Map() };
  await loadFolder(contents, root, contents.top);
  return diskOf(contents);
}

async function loadFolder(contents: Contents, path: string, folder: FolderNode): Promise<void> {
  contents.byPath.set(path, folder);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    if (entry.isDirectory()) {
      const within = emptyFolder();
      folder.durable.set(entry.name, within);
      await loadFolder(contents, at, within);
      continue;
    }
    const { ino } = await stat(at, { bigint: true });
    const file = contents.byInode.get(ino) ?? {
      kind: 'file',
      durable: await readFile(at),
      pending: [],
    };
    contents.byInode.set(ino, file);
    contents.byPath.set(at, file);
    folder.durable.set(entry.name, file);
  }
}

const emptyFolder = (): FolderNode => ({ kind: 'folder', durable: new Map(), pending: [] });

function diskOf({ top, byPath, byInode }: Contents): Disk {
  const nodeAt = (path: string): Node => {
    const node = byPath.get(path);
    if (node === undefined) throw new Error(`the journal has nothing at ${path}`);
    return node;
  };
  const folderOf = (path: string): FolderNode => {
    const node = nodeAt(dirname(path));
    if (node.kind !== 'folder') throw new Error(`${dirname(path)} is no folder`);
    return node;
  };
  const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
  const fileOf = (inode: bigint): FileNode => {
    const file = byInode.get(inode);
    if (file === undefined) throw new Error(`the journal has no file ${inode}`);
    return file;
  };

  return {
    apply(operation) {
      switch (operation.op) {
        case 'create': {
          const file: FileNode = { kind: 'file', durable: Buffer.alloc(0), pending: [] };
          byInode.set(operation.inode, file);
          add(operation.path, file);
          break;
        }
        case 'mkdir':
          add(operation.path, emptyFolder());
          break;
        case 'write':
          fileOf(operation.inode).pending.push({ at: operation.at, data: operation.data });
          break;
        case 'truncate':
          fileOf(operation.inode).pending.push({ size: operation.size });
          break;
        case 'sync': {
          const file = fileOf(operation.inode);
          file.durable = written(file, file.pending.length);
          file.pending = [];
          break;
        }
        case 'sync folder': {
          const folder = nodeAt(operation.path);
          if (folder.kind !== 'folder') throw new Error(`${operation.path} is no folder`);
          for (const change of folder.pending) changeEntries(folder.durable, change);
          folder.pending = [];
          break;
        }
        case 'unlink':
        case 'rmdir':
          folderOf(operation.path).pending.push({ removed: nameOf(operation.path) });
          byPath.delete(operation.path);
          break;
        case 'link':
          add(operation.to, nodeAt(operation.path));
          break;
        case 'rename':
          moved(operation.path, operation.to);
      }
    },
    leave: (folder, loss, random) => writeFolder(top, folder, loss, random),
  };

  function add(path: string, node: Node): void {
    folderOf(path).pending.push({ added: [nameOf(path), node] });
    byPath.set(path, node);
  }

  function moved(from: string, to: string): void {
    const node = nodeAt(from);
    const [old, target] = [folderOf(from), folderOf(to)];
    const added = [nameOf(to), node] as const;
    if (old === target) old.pending.push({ removed: nameOf(from), added });
    else {
      old.pending.push({ removed: nameOf(from) });
      target.pending.push({ added });
    }
    const within = [...byPath].filter(([path]) => path === from || path.startsWith(`${from}/`));
    for (const [path, known] of within) {
      byPath.delete(path);
      byPath.set(to + path.slice(from.length), known);
    }
  }
}

function changeEntries(entries: Map<string, Node>, { removed, added }: FolderChange): void {
  if (removed !== undefined) entries.delete(removed);
  if (added !== undefined) entries.set(...added);
}

/** The file with the first `count` of what is pending. */
function written(file: FileNode, count: number): Buffer {
  let size = file.durable.length;
  let most = size;
  const changes = file.pending.slice(0, count);
  for (const change of changes) {
    size = 'size' in change ? change.size : Math.max(size, change.at + change.data.length);
    most = Math.max(most, size);
  }
  const bytes = Buffer.alloc(most);
  file.durable.copy(bytes);
  let end = file.durable.length;
  for (const change of changes) {
    if ('size' in change) {
      // What a shorter file had beyond its end does not come back.
      bytes.fill(0, Math.min(change.size, end), end);
      end = change.size;
    } else {
      change.data.copy(bytes, change.at);
      end = Math.max(end, change.at + change.data.length);
    }
  }
  return bytes.subarray(0, end);
}

/** A file after the loss: pages of what was written last over those of what was safe. */
function leftOf(file: FileNode, loss: Loss, random: Random): Buffer {
  const count = file.pending.length;
  if (loss === 'dropped' || count === 0) return file.durable;
  if (loss === 'kept' || random.chance(0.2)) return written(file, count);
  if (random.chance(0.2)) return file.durable;
  const latest = written(file, random.between(1, count));
  const share = random.next();
  const size = random.chance(0.5) ? latest.length : Math.min(file.durable.length, latest.length);
  const left = Buffer.alloc(latest.length);
  file.durable.copy(left);
  let end = size;
  for (let page = 0; page < latest.length; page += pageBytes) {
    if (!random.chance(share)) continue;
    // Now and then a page is torn between sectors.
    const bytes = random.chance(0.1) ? sectorBytes * random.between(1, 7) : pageBytes;
    const to = Math.min(page + bytes, latest.length);
    latest.copy(left, page, page, to);
    end = Math.max(end, to);
  }
  return left.subarray(0, end);
}

async function writeFolder(
  folder: FolderNode,
  path: string,
  loss: Loss,
  random: Random,
): Promise<void> {
  const entries = new Map(folder.durable);
  const count = folder.pending.length;
  const kept = loss === 'dropped' ? 0 : loss === 'kept' ? count : random.between(0, count);
  for (const change of folder.pending.slice(0, kept)) changeEntries(entries, change);
  await mkdir(path, { recursive: true });
  for (const [name, node] of entries) {
    const at = join(path, name);
    if (node.kind === 'folder') await writeFolder(node, at, loss, random);
    else await writeFile(at, leftOf(node, loss, random));
  }
}
