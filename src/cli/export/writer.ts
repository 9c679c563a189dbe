import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A file that is written in pieces and told by its checksum. */
export interface FileWriter {
  write(text: string): Promise<void>;
  /** Synced. */
  finish(): Promise<WrittenFile>;
  abort(): Promise<void>;
}

export async function createFile(folder: string, name: string): Promise<FileWriter> {
  const file = await open(join(folder, name), 'wx', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    async write(text) {
      const piece = Buffer.from(text, 'utf8');
      hash.update(piece);
      bytes += piece.length;
      await file.writeFile(piece);
    },
    async finish() {
      await file.sync();
      await file.close();
      return { path: name, bytes, sha256: hash.digest('hex') };
    },
    abort: () => file.close(),
  };
}

/** A row's values as PostgreSQL's texts; null is NULL. */
export type TextRow = readonly (string | null)[];

export function jsonLine(names: readonly string[], row: TextRow): string {
  return `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i]!])))}\n`;
}

/** As COPY … WITH (FORMAT csv) writes it: NULL is nothing, an empty text is "". */
export function csvLine(row: TextRow): string {
  return `${row.map(csvField).join(',')}\n`;
}

function csvField(text: string | null): string {
  if (text === null) return '';
  if (text !== '' && text !== '\\.' && !/[",\r\n]|^\s|\s$/.test(text)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}
