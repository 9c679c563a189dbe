/**
 * The hot store as one file: a line that names the format, then blocks. A block is the bytes of its payload (4, LE), the entries in
 * it (4, LE), CRC-32 of both and the payload (4, LE), then the payload: for each entry the lengths of key and value as varints,
 * key, value. The last block has no entries and an empty payload, so that a file cut between blocks is told from a whole one.
 */
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { PgError, SqlState } from '../../base/index.ts';
import type { HotEntry } from '../hot/types.ts';

const formatLine = Buffer.from('pgtide hot store dump 1\n', 'latin1');
const blockHeadBytes = 12;
/** A block is closed once its payload has grown beyond. */
const blockBytes = 128 * 1024;
/** More than any block has: 4 bytes of damage must not ask for gigabytes. */
const blockBytesMax = 1024 * 1024 * 1024;

/** What a dump holds, whatever its blocks are. */
export interface DumpContents {
  readonly entries: number;
  /** Of all payloads. */
  readonly payloadBytes: number;
  /** CRC-32 of all payloads, hexadecimal. */
  readonly checksum: string;
}

/** Adds entries up to what a dump says of its contents. */
export interface ContentsSum {
  add(entries: readonly HotEntry[]): void;
  addPayload(payload: Buffer, entries: number): void;
  contents(): DumpContents;
}

export function contentsSum(): ContentsSum {
  let entries = 0;
  let payloadBytes = 0;
  let crc = 0;
  const addPayload = (payload: Buffer, count: number): void => {
    crc = crc32(payload, crc);
    payloadBytes += payload.length;
    entries += count;
  };
  return {
    add: (list) => addPayload(encodeEntries(list), list.length),
    addPayload,
    contents: () => ({ entries, payloadBytes, checksum: hex(crc) }),
  };
}

export const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

export interface DumpWriter {
  /** Resolves when the entries are handed to the operating system, or kept for the next block. */
  add(entries: readonly HotEntry[]): Promise<void>;
  /** Ends and syncs the file. */
  finish(): Promise<DumpFile>;
  /** Gives up; the file stays as it is. */
  abort(): Promise<void>;
}

/** A finished dump. */
export interface DumpFile extends DumpContents {
  readonly bytes: number;
}

/** The file must not exist yet. */
export async function createDump(path: string): Promise<DumpWriter> {
  const file = await open(path, 'wx');
  const sum = contentsSum();
  let waiting: HotEntry[] = [];
  let waitingBytes = 0;
  let bytes = 0;
  const write = async (buffer: Buffer): Promise<void> => {
    await file.writeFile(buffer);
    bytes += buffer.length;
  };
  const writeBlock = async (): Promise<void> => {
    const payload = encodeEntries(waiting);
    sum.addPayload(payload, waiting.length);
    const block = encodeBlock(payload, waiting.length);
    waiting = [];
    waitingBytes = 0;
    await write(block);
  };
  return {
    async add(entries) {
      if (bytes === 0) await write(formatLine);
      for (const entry of entries) {
        waiting.push(entry);
        waitingBytes += entry[0].length + entry[1].length;
        if (waitingBytes >= blockBytes) await writeBlock();
      }
    },
    async finish() {
      if (bytes === 0) await write(formatLine);
      if (waiting.length > 0) await writeBlock();
      await write(encodeBlock(Buffer.alloc(0), 0));
      await file.sync();
      await file.close();
      return { ...sum.contents(), bytes };
    },
    abort: () => file.close(),
  };
}

/** The entries of a dump, a block at a time. Errors: XX001 naming `name` where a block is damaged or the end is missing. */
export async function* readDump(
  path: string,
  name: string,
): AsyncGenerator<{ readonly entries: HotEntry[]; readonly payload: Buffer }> {
  const file = await open(path, 'r');
  let at = 0;
  const damaged = (what: string): PgError =>
    new PgError(SqlState.dataCorrupted, `file "${name}" of the backup is corrupted: ${what}`, {
      detail: `At byte ${at}.`,
    });
  const read = async (bytes: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(bytes);
    let filled = 0;
    while (filled < bytes) {
      const { bytesRead } = await file.read(buffer, filled, bytes - filled, at + filled);
      if (bytesRead === 0) throw damaged('it ends too early');
      filled += bytesRead;
    }
    return buffer;
  };
  try {
    if (!(await read(formatLine.length)).equals(formatLine)) throw damaged('it is no dump');
    at += formatLine.length;
    for (;;) {
      const head = await read(blockHeadBytes);
      const payloadBytes = head.readUInt32LE(0);
      const count = head.readUInt32LE(4);
      if (payloadBytes > blockBytesMax) throw damaged('wrong checksum');
      const { size } = await file.stat();
      if (at + blockHeadBytes + payloadBytes > size) throw damaged('it ends too early');
      at += blockHeadBytes;
      const payload = await read(payloadBytes);
      at -= blockHeadBytes;
      if (blockChecksum(head, payload) !== head.readUInt32LE(8)) throw damaged('wrong checksum');
      at += blockHeadBytes + payloadBytes;
      if (count === 0) {
        if (at !== size) throw damaged('something follows its end');
        return;
      }
      const entries = decodeEntries(payload, count);
      if (entries === undefined) throw damaged('a block is not readable');
      yield { entries, payload };
    }
  } finally {
    await file.close();
  }
}

function encodeBlock(payload: Buffer, entries: number): Buffer {
  const block = Buffer.allocUnsafe(blockHeadBytes + payload.length);
  block.writeUInt32LE(payload.length, 0);
  block.writeUInt32LE(entries, 4);
  payload.copy(block, blockHeadBytes);
  block.writeUInt32LE(blockChecksum(block, payload), 8);
  return block;
}

function blockChecksum(head: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(head.subarray(0, 8)));
}

function encodeEntries(entries: readonly HotEntry[]): Buffer {
  let bytes = 0;
  for (const [key, value] of entries)
    bytes += varintBytes(key.length) + varintBytes(value.length) + key.length + value.length;
  const out = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const [key, value] of entries) {
    at = writeVarint(out, at, key.length);
    at = writeVarint(out, at, value.length);
    at += key.copy(out, at);
    at += value.copy(out, at);
  }
  return out;
}

function decodeEntries(payload: Buffer, count: number): HotEntry[] | undefined {
  const entries: HotEntry[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < payload.length; scale *= 128) {
      const byte = payload[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  for (let i = 0; i < count; i++) {
    const keyBytes = varint();
    const valueBytes = varint();
    const end = at + keyBytes + valueBytes;
    if (end > payload.length) return undefined;
    entries.push([payload.subarray(at, at + keyBytes), payload.subarray(at + keyBytes, end)]);
    at = end;
  }
  return at === payload.length ? entries : undefined;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

function writeVarint(out: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out[at++] = (rest & 127) | 128;
  out[at++] = rest;
  return at;
}
