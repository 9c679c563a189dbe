import type { JobHandler } from '../types.ts';

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** Repeatable: rows that an interrupted flush had moved already are cold, and are not moved again. */
export const flushHandler: JobHandler = {
  async run({ storage, table, signal, onProgress }) {
    const { rows, users, files, bytes } = await storage.flush(table, { signal, onProgress });
    const ofUsers = table.kind === 'user' ? ` of ${count(users, 'user')}` : '';
    return {
      result: { rows_flushed: rows, users, files, bytes },
      summary: `${count(rows, 'row')}${ofUsers} to ${count(files, 'file')}, ${count(bytes, 'byte')}`,
    };
  },
};
